"""Ranges of settings, declared at the field or argument and checked by shared code.

`temperature: Positive = 0.1` declares a float above 0. The names below are ordinary annotations
(`typing.Annotated`), so a reader, a type checker and `jssl.core.settings` all see the same thing.

    class SimCLR(Ranged): ...     checks its fields when it is constructed
    @checked                      checks the arguments of a function when it is called
    jssl.core.settings.check           checks everything inside an experiment, by path
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import inspect
import itertools
import math
import numbers
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

import jax
import numpy as np

from jssl.core import typecheck
from jssl.errors import UserError

_Function = TypeVar("_Function", bound=Callable[..., Any])

_TINY, _HUGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True)
class Range:
    """The values that a setting may have. All numbers must be finite in float32.

    Attributes:
      text: the range as named in a message, after "it must be".
      low: smallest value of the number, or of each number of a tuple; values that underflow in
        float32 are 0.
      high: largest value.
      above: whether the value must be above `low`, not equal to it.
      below: whether the value must be below `high`, not equal to it.
      least: smallest length of a tuple.
      ordered: whether the numbers of a tuple must be in ascending order.
      options: the only values; () for any.
    """

    text: str
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    least: int = 0
    ordered: bool = False
    options: tuple[Any, ...] = ()

    def holds(self, value: Any) -> bool:
        """Whether a number, or a tuple of numbers, lies in the range."""
        if isinstance(value, jax.core.Tracer):
            return True
        if isinstance(value, tuple | list):
            rises = not self.ordered or all(a <= b for a, b in itertools.pairwise(value))
            return len(value) >= self.least and rises and all(map(self.holds, value))
        if self.options:
            return value in self.options
        # What is 0 or infinite once it is float32 counts as such.
        value = 0.0 if abs(value) < _TINY else value
        enough = value > self.low if self.above else value >= self.low
        return enough and (value < self.high if self.below else value <= self.high)


def _range(
    kind: Any, text: str, low: float = -math.inf, high: float = math.inf, **rest: Any
) -> Any:
    return Annotated[kind, Range(text, low, high, **rest)]


def at_least(low: int) -> Any:
    """The annotation of an integer of at least `low`, at most the largest int32."""
    return _range(int, f"a whole number of at least {low}", low, 2**31 - 1)


def between(low: float, high: float, kind: type = float) -> Any:
    """The annotation of a number in [low, high]."""
    word = "a whole number " if kind is int else ""
    return _range(kind, f"{word}in [{low}, {high}]", low, high)


def one_of(*options: int) -> Any:
    """The annotation of an integer with a few allowed values."""
    return _range(int, f"one of {', '.join(map(str, options))}", options=options)


Real = _range(float, "a finite number")
Positive = _range(float, "a positive number", 0.0, above=True)
NonNegative = _range(float, "a number of at least 0", 0.0)
Unit = between(0, 1)
BelowOne = _range(float, "in [0, 1)", 0.0, 1.0, below=True)
AtLeastOne = _range(float, "a number of at least 1", 1.0)
AboveOne = _range(float, "a number above 1", 1.0, above=True)
AboveZero = _range(float, "in (0, 1]", 0.0, 1.0, above=True)
Inside = _range(float, "in (0, 1)", 0.0, 1.0, above=True, below=True)

Whole = _range(int, "a whole number", -(2**31), 2**31 - 1)
Count = at_least(1)
Natural = at_least(0)
Several = at_least(2)
Seed = between(0, 2**32 - 1, int)

Turn = between(0, 0.5)
"""Of the colour circle."""
Bits = between(1, 8, int)
Axis = one_of(0, 1, 2)
Severity = between(1, 5, int)

Widths = _range(tuple[int, ...], "one or more whole numbers of at least 1", 1, 2**31 - 1, least=1)
Layers = _range(tuple[int, ...], "whole numbers of at least 1, or ()", 1, 2**31 - 1)
Naturals = _range(tuple[int, ...], "whole numbers of at least 0", 0, 2**31 - 1)
Columns = _range(tuple[int, ...], "one or more whole numbers of at least 0", 0, 2**31 - 1, least=1)
Grid = _range(tuple[int, int], "two whole numbers of at least 1", 1, 2**31 - 1)
Side = Count | Grid
Extent = _range(
    tuple[int, int],
    "two whole numbers of at least 1, the smaller first",
    1,
    2**31 - 1,
    ordered=True,
)

Reals = _range(tuple[float, ...], "one or more finite numbers", least=1)
Positives = _range(tuple[float, ...], "one or more positive numbers", 0.0, above=True, least=1)
Periods = _range(tuple[float, ...], "positive numbers, or ()", 0.0, above=True)
NonNegatives = _range(tuple[float, ...], "one or more numbers of at least 0", 0.0, least=1)
Statistics = tuple[Reals, Positives]
"""A mean and a standard deviation for each channel, or one of each for all."""

Units = _range(tuple[float, float], "two numbers in [0, 1], the smaller first", 0, 1, ordered=True)
Shares = _range(
    tuple[float, float], "two numbers in (0, 1], the smaller first", 0, 1, above=True, ordered=True
)
Spread = _range(
    tuple[float, float], "two positive numbers, the smaller first", 0, above=True, ordered=True
)
Fractions = _range(tuple[float, float], "two numbers in [0, 1]", 0, 1)
Strengths = _range(
    tuple[float, float], "two numbers of at least 0, the smaller first", 0, ordered=True
)
Interval = _range(tuple[float, float], "two finite numbers, the smaller first", ordered=True)


# --- checking -----------------------------------------------------------------------------------


def ranges(hint: Any) -> tuple[Range, ...]:
    """The ranges that an annotation declares, including those of its parts."""
    if typing.get_origin(hint) is Annotated:
        found = tuple(r for r in hint.__metadata__ if isinstance(r, Range))
        return found or ranges(typing.get_args(hint)[0])
    return tuple(r for part in typing.get_args(hint) for r in ranges(part))


def problem(value: Any, hint: Any = None) -> str | None:
    """What is wrong with a value.

    Args:
      value: any value; traced arrays and values without numbers are accepted.
      hint: its annotation, or None. If it has no range, numbers need only be finite.

    Returns:
      What it must be, such as "in [0, 1]"; None if nothing is wrong.
    """
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        if isinstance(value, jax.core.Tracer) or np.ndim(value):
            return None
        value = value.item()
    wanted = ranges(hint)
    if not wanted:
        return None if _representable(value) else "finite"
    sound = _representable(value)
    if sound and _within(value, hint):
        return None
    text = " or ".join(dict.fromkeys(r.text for r in wanted)) + _none(hint)
    open_end = all(r.high >= 2**31 - 1 for r in wanted)
    return f"{text}, one that 32 bits hold" if not sound and open_end else text


def _within(value: Any, hint: Any) -> bool:
    for option in typecheck.options(hint):
        base = typing.get_args(option)[0] if typing.get_origin(option) is Annotated else option
        if not _is(value, base):
            continue
        declared = ranges(option) if base is not option else ()
        if base is option and typing.get_origin(base) in (tuple, Sequence):
            parts = typing.get_args(base)
            each = parts[:1] * len(value) if len(parts) == 1 or parts[-1] is ... else parts
            if all(map(_within, value, each)):
                return True
        elif all(r.holds(value) for r in declared):
            return True
    return False


def _is(value: Any, base: Any) -> bool:
    """As `typecheck.fits`, for NumPy's numbers and traced parts of tuples as well."""
    if isinstance(value, jax.core.Tracer):
        return True
    if base is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if base is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if typing.get_origin(base) in (tuple, Sequence):
        parts = typing.get_args(base)
        if not isinstance(value, tuple | list):
            return False
        if len(parts) == 1 or parts[-1] is ...:
            return all(_of(part, parts[0]) for part in value)
        return len(value) == len(parts) and all(map(_of, value, parts))
    if isinstance(base, type) and not typecheck.plain(base):
        return isinstance(value, base)
    return not typecheck.plain(base) or typecheck.fits(value, base)


def _of(value: Any, hint: Any) -> bool:
    return any(_is(value, typecheck.bare(option)) for option in typecheck.options(hint))


def _representable(value: Any) -> bool:
    """Whether all numbers in a value are finite as float32 or int32; others are not a setting."""
    if isinstance(value, tuple | list):
        return all(map(_representable, value))
    if isinstance(value, numbers.Integral):
        return -(2**31) <= value < 2**32
    if isinstance(value, numbers.Real):
        return abs(value) <= _HUGE  # false for NaN as well
    return True


def _none(hint: Any) -> str:
    optional = any(option in (None, type(None)) for option in typecheck.options(hint))
    return " or None" if optional else ""


def refuse(name: str, value: Any, wanted: str | None) -> None:
    """Raises `UserError` with the setting, its value and its range, if there is a problem."""
    if wanted is not None:
        if isinstance(value, np.ndarray | np.generic | jax.Array) and not np.ndim(value):
            value = value.item()  # 0, not np.int64(0)
        raise UserError(f"{name} is {value!r}; it must be {wanted}")


_SUSPENDED: contextvars.ContextVar[bool] = contextvars.ContextVar("suspended", default=False)


@contextlib.contextmanager
def suspended() -> Iterator[None]:
    """Disables checks inside the block, while dependent settings change one by one."""
    token = _SUSPENDED.set(True)
    try:
        yield
    finally:
        _SUSPENDED.reset(token)


def checking() -> bool:
    """Whether what is constructed now is checked."""
    return not _SUSPENDED.get()


class Ranged:
    """Base of a dataclass, or of a Linen module, whose fields declare their ranges."""

    def __post_init__(self) -> None:
        following = getattr(super(), "__post_init__", None)  # a Linen module has one
        if following is not None:
            following()
        if checking():
            check_fields(self)

    def conflict(self) -> str | None:
        """Describes fields that are each in range but inconsistent; a sentence, or None.

        Here: a number of heads, `heads` or `decoder_heads`, divides the width beside it.
        """
        for field in dataclasses.fields(self):
            if field.name.endswith("heads"):
                name = field.name.removesuffix("heads") + "width"
                heads, width = getattr(self, field.name), getattr(self, name, None)
                if isinstance(heads, int) and isinstance(width, int) and width % heads:
                    return f"{field.name} is {heads}; it must divide {name}, which is {width}"
        return None


def check_fields(node: Any, where: str = "") -> None:
    """Checks the fields of a dataclass, not nested ones.

    Args:
      node: the dataclass.
      where: its path, e.g. "optimizer"; by default the name of its class.

    Raises:
      UserError: naming a field, its value and its range, or the fields that are inconsistent.
    """
    where = where or type(node).__name__
    hints = typecheck.hints(type(node))
    for field in dataclasses.fields(node):
        if field.init and field.metadata.get("override", True):
            value = getattr(node, field.name)
            refuse(f"{where}.{field.name}", value, problem(value, hints.get(field.name)))
    if isinstance(node, Ranged):
        sentence = conflict(node)
        if sentence is not None:
            raise UserError(f"{where}: {sentence}")


def conflict(node: Ranged) -> str | None:
    """Describes inconsistent fields of a node; None also if it depends on traced numbers."""
    try:
        return node.conflict()
    except jax.errors.ConcretizationTypeError:  # a sweep's traced number decides
        return None


def checked(function: _Function) -> _Function:
    """Makes a function check its arguments against the ranges in its annotations.

    Arrays and traced values are not checked, so compiled functions have no overhead.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checking_arguments(*args: Any, **kwargs: Any) -> Any:
        declared = typecheck.hints(function)
        named = signature.bind_partial(*args, **kwargs).arguments if args else kwargs
        for name, value in named.items():
            if name in declared and ranges(declared[name]):
                wanted = problem(value, declared[name])
                refuse(f"{name} of {function.__name__}", value, wanted)
        return function(*args, **kwargs)

    return typing.cast(_Function, checking_arguments)
