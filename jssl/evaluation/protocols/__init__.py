"""Evaluation protocols by name, collected from the dictionary `PROTOCOLS` of each module here."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from jssl.errors import UserError, nearest
from jssl.evaluation.record import FORMER_NAMES, Evaluation


@functools.cache
def protocols() -> dict[str, Evaluation]:
    """All protocols, sorted by name.

    Raises:
      ValueError: two modules define a protocol of the same name.
    """
    found: dict[str, Evaluation] = {}
    for module in pkgutil.iter_modules(__path__):
        named = importlib.import_module(f"{__name__}.{module.name}").PROTOCOLS
        twice = found.keys() & named.keys()
        if twice:
            raise ValueError(f"two protocols are called {', '.join(sorted(twice))}")
        found |= named
    return dict(sorted(found.items()))


def protocol(name: str) -> Evaluation:
    """Looks up a protocol by its name, or its former name.

    Raises:
      UserError: no protocol has that name.
    """
    known = protocols()
    name = FORMER_NAMES.get(name, name)
    if name not in known:
        raise UserError(f"unknown protocol {name!r}: {nearest(name, known)}")
    return known[name]
