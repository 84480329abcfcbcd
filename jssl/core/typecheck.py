"""Type annotations of plain values: whether a value matches, and how the type is printed."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any


def options(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation itself; `typing.Annotated` is kept."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)


def bare(hint: Any) -> Any:
    """An annotation without the metadata of `typing.Annotated`; that of its parts is kept."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


@functools.cache
def hints(owner: Any) -> dict[str, Any]:
    """The annotations of a class's fields, or of a function's arguments, by name.

    Strings are evaluated in the scope where they were written; those that fail are left out.
    """
    owner = owner if isinstance(owner, type) else inspect.unwrap(owner)
    found: dict[str, Any] = {}
    for part in owner.__mro__ if isinstance(owner, type) else (owner,):
        module = sys.modules.get(getattr(part, "__module__", None) or "")
        names = getattr(part, "__globals__", None) or (vars(module) if module else {})
        own = vars(part) if isinstance(part, type) else {}
        written = own.get("__annotations__") or (
            {} if own else getattr(part, "__annotations__", {})
        )
        for name, hint in written.items():
            if name in found:
                continue
            try:
                found[name] = eval(hint, dict(names)) if isinstance(hint, str) else hint
            except (NameError, TypeError, SyntaxError, AttributeError):
                continue
    return found


def _options(hint: Any) -> tuple[Any, ...]:
    found = []
    for option in map(bare, options(hint)):
        if typing.get_origin(option) in (typing.Union, types.UnionType):
            found += _options(option)
        elif typing.get_origin(option) is Sequence:
            found.append(tuple[typing.get_args(option)[0], ...])
        else:
            found.append(option)
    return tuple(found)


def plain(hint: Any) -> bool:
    """Whether values of the annotated type can be written on a command line."""
    for option in _options(hint):
        if typing.get_origin(option) is tuple:
            if not all(part is ... or plain(part) for part in typing.get_args(option)):
                return False
        elif typing.get_origin(option) is not typing.Literal and option not in (
            *(int, float, bool, str, tuple, None, type(None)),
        ):
            return False
    return True


def type_of(value: Any) -> Any:
    """The annotation that a value would have; `tuple[int, ...]` for a tuple of integers."""
    if isinstance(value, tuple) and value and not any(map(dataclasses.is_dataclass, value)):
        kinds = [type_of(part) for part in value]
        if len(set(kinds)) == 1:
            return tuple[kinds[0], ...]
    return type(value)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type; a whole number fits a float, a list a tuple."""
    for option in _options(hint):
        parts = typing.get_args(option)
        if typing.get_origin(option) is typing.Literal:
            found = value in parts and type(value) in map(type, parts)
        elif typing.get_origin(option) is tuple:
            if isinstance(value, tuple | list) and parts[-1:] == (...,):
                parts = (parts[0],) * len(value)
            found = isinstance(value, tuple | list) and len(value) == len(parts)
            found = found and all(map(fits, value, parts))
        elif option is None:
            found = value is None
        else:
            found = type(value) is option or (type(value) is int and option is float)
        if found:
            return True
    return False


def converted(value: Any, hint: Any) -> Any:
    """Whole numbers to floats and lists to tuples, where the annotation says so."""
    for option in _options(hint):
        if not fits(value, option):
            continue
        parts = typing.get_args(option)
        if typing.get_origin(option) is tuple:
            parts = (parts[0],) * len(value) if parts[-1:] == (...,) else parts
            return tuple(map(converted, value, parts))
        if type(value) is int and option is float and int not in _options(hint):
            return float(value)
    return value


def show(hint: Any) -> str:
    """An annotation in readable form, e.g. "float or None"."""
    names = []
    for option in _options(hint):
        if typing.get_origin(option) is typing.Literal:
            names += map(repr, typing.get_args(option))
        elif typing.get_origin(option) is tuple:
            names.append(_tuple(option))
        else:
            names.append("None" if option in (None, type(None)) else option.__name__)
    return " or ".join(names)


def _tuple(hint: Any) -> str:
    parts = ("..." if part is ... else show(part) for part in typing.get_args(hint))
    return f"tuple[{', '.join(parts)}]"
