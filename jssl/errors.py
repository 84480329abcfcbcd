"""Errors caused by user input, each reported in one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

# A cell of a damaged file can be as long as the file, and paths are at most 4096 letters long.
_LONG_WORD = re.compile(r"(\S{60})\S{4096,}")


class UserError(Exception):
    """Invalid input: the message says what is wrong and what would be right.

    The command line prints the message alone, without a traceback, and exits with `status`. Text
    quoted from a file is truncated if it is longer than any path.
    """

    status = 2

    def __init__(self, message: object = "") -> None:
        super().__init__(_LONG_WORD.sub(r"\1...", str(message)))


class Unwritable(UserError):
    """A file of a run that could not be written.

    Args:
      path: of the file.
      reason: the error message of the operating system.
    """

    def __init__(self, path: Path, reason: OSError | str) -> None:
        if isinstance(reason, OSError):
            reason = reason.strerror or str(reason)
        super().__init__(f"cannot write {path}: {reason}")


class Collapsed(UserError):
    """A run that was stopped by the collapse alarm; see `jssl/health/monitor.py`."""

    status = 3


class Interrupted(UserError):
    """Work that a signal stopped, after its state was saved.

    Args:
      message: what was interrupted, and how to resume it.
      number: of the signal. The exit status is 128 plus this, as a shell reports it: 130 for
        Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.status = 128 + number


# What reading a value of another form than expected raises: a file that is JSON and no record.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
_LISTED = 24  # names that fit into a sentence


def nearest(name: str, options: Iterable[str]) -> str:
    """Suggests the name that was probably meant.

    Args:
      name: what the user wrote.
      options: the names that exist.

    Returns:
      A clause such as ``did you mean 'temperature'? (there are: momentum, temperature)``. Of many
      names, only the five nearest are given: ``did you mean 'a' or 'b'? (there are 184)``.
    """
    known = sorted(options)
    if len(known) > _LISTED:
        close = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
        if not close:
            return f"there are {len(known)}, such as {', '.join(known[:: len(known) // 4][:4])}"
        *most, last = map(repr, close)
        guess = f"{', '.join(most)} or {last}" if most else last
        return f"did you mean {guess}? (there are {len(known)})"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listing = ", ".join(known) if known else "none"
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}(there are: {listing})"
