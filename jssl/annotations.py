"""Python's annotations of plain values: does a value fit, and how is the type named?"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any


def _options(hint: Any) -> tuple[Any, ...]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    options = typing.get_args(hint) if union else (hint,)
    return tuple(
        tuple[typing.get_args(option)[0], ...] if typing.get_origin(option) is Sequence else option
        for option in options
    )


def plain(hint: Any) -> bool:
    """Whether an annotation speaks of values that can be written on a command line."""
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
    """An annotation as people read it, e.g. "float or None"."""
    names = []
    for option in _options(hint):
        if typing.get_origin(option) is typing.Literal:
            names += map(repr, typing.get_args(option))
        elif typing.get_origin(option) is tuple:
            names.append(str(option))
        else:
            names.append("None" if option in (None, type(None)) else option.__name__)
    return " or ".join(names)
