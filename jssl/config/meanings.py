"""What a setting means: the sentence of its class's or function's docstring."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from typing import Any

from jssl.core.settings import Setting

_SECTIONS = ("Attributes:", "Args:")
_ENTRY = re.compile(r"(\w+(?:, \w+)*)(?: \([^)]*\))?: ?(.*)")
_SENTENCE = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!al)[.;](?= )")


def meaning(setting: Setting) -> str:
    """What a setting means, in a sentence.

    Args:
      setting: as `jssl.core.settings.settings` gives it.

    Returns:
      The first sentence of its entry under `Attributes:` or `Args:`, without the final stop; ""
      where nothing is written.
    """
    name = setting.path.rsplit(".", 1)[-1]
    for owner in _documented(setting.owner):
        text = described(owner).get(name)
        if text:
            return _first_sentence(text)
    return ""


@functools.cache
def described(owner: Any) -> dict[str, str]:
    """The entries of a docstring's `Attributes:` or `Args:`, each in one line.

    Args:
      owner: a class or a function.

    Returns:
      Name -> text.
    """
    lines = (inspect.cleandoc(owner.__doc__) if owner.__doc__ else "").splitlines()
    found: dict[str, str] = {}
    inside, names = False, ()
    for line in lines:
        if line and not line.startswith(" "):
            inside, names = line in _SECTIONS, ()
            continue
        entry = _ENTRY.fullmatch(line.strip()) if re.match(r"  \S", line) else None
        if inside and entry:
            names = tuple(entry[1].split(", "))
            found |= dict.fromkeys(names, entry[2].strip())
        elif inside and line.strip():
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def _documented(owner: Any) -> Iterator[Any]:
    """The classes, nearest first, or the function that may describe an owner's values."""
    if isinstance(owner, functools.partial):
        owner = owner.func
    if inspect.isfunction(owner):
        yield inspect.unwrap(owner)
    elif owner is not None:
        yield from (kind for kind in type(owner).__mro__ if kind is not object)


def _first_sentence(text: str) -> str:
    end = _SENTENCE.search(text)
    return (text[: end.start()] if end else text).rstrip(".;:")
