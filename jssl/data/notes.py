"""Notes to the user about unusual data, each logged once."""

from __future__ import annotations

import functools
import logging
from collections import Counter

_LOGGER = logging.getLogger("jssl.data")


@functools.lru_cache(maxsize=4096)
def note(message: str) -> None:
    """Logs a sentence about data that are usable but unusual.

    The same sentence is logged once in a process, however often the data are read. Python prints
    warnings of a logger without handlers on the standard error stream.

    Args:
      message: one sentence that names the file and says how many examples it is about.
    """
    _LOGGER.warning("note: %s", message)


def shown(places: list[str], limit: int = 3) -> str:
    """The first few of several places, for a sentence: ``"line 2, line 5, line 9, ..."``."""
    return ", ".join(places[:limit]) + (", ..." if len(places) > limit else "")


def repeated(values: list[str]) -> list[str]:
    """The values that occur more than once, sorted."""
    return sorted(value for value, count in Counter(values).items() if count > 1)
