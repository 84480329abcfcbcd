"""Shared checks of numbers from files: syntax, finiteness and range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jssl.errors import UserError

LARGEST = 1e18
"""The largest size of a number that is not rescaled: its square is finite in float32."""
LARGEST_RAW = float(np.finfo(np.float32).max)
"""The largest size of a number that is standardised before it becomes float32."""
_CONSTANT = 1e-12  # of the largest value: the rounding of a column that is constant

Place = Callable[[tuple[int, ...]], str]
"""From the index of a number to words such as "row 3, column 'age'"."""


def parse_number(text: str) -> float:
    """Parses a number such as `3`, `-1.5`, `1e5`, `nan` or `inf`.

    Raises:
      ValueError: it is something else, `1_000` included, which Python's own `float` accepts.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def by_axes(*axes: str) -> Place:
    """Words for an index: one name for each axis, counted from 1; "" leaves an axis out."""

    def place(index: tuple[int, ...]) -> str:
        named = zip(axes, index, strict=False)
        return ", ".join(f"{axis} {k + 1}" for axis, k in named if axis)

    return place


def finite(
    values: np.ndarray,
    where: str,
    place: Place | None = None,
    *,
    missing: bool = False,
    largest: float = LARGEST,
) -> np.ndarray:
    """Refuses numbers that are NaN, infinite or too large for float32.

    Args:
      values: numbers of any shape and type, before they are narrowed to float32.
      where: their origin, such as a file, for the message.
      place: describes an index; None counts rows and columns from 1.
      missing: whether NaN is allowed as a missing value.
      largest: the largest size of a number: `LARGEST`, or `LARGEST_RAW` for numbers that are
        standardised in float64 before they become float32.

    Returns:
      The values, unchanged.

    Raises:
      UserError: naming the first such number, its place and how many there are.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise UserError(f"{where} must hold numbers, not {values.dtype}")
    if not values.size or (-largest <= values.min() and values.max() <= largest):
        return values
    # A comparison with NaN is false.
    fine = (np.abs(values.astype(np.float64)) <= largest) | (np.isnan(values) & missing)
    wrong = np.argwhere(~fine)
    if not len(wrong):
        return values
    index = tuple(int(k) for k in wrong[0])
    value = values[index]
    words = (place or by_axes("row", "column"))(index)
    more = f" ({len(wrong)} such values)" if len(wrong) > 1 else ""
    if np.isnan(value):
        raise UserError(f"{where} has a missing number (NaN) at {words}{more}; give a number there")
    raise UserError(
        f"{where} has the number {value:g} at {words}{more}; numbers must be finite and at most "
        f"{largest:.2g} in size"
    )


def measurable(values: np.ndarray, where: str) -> None:
    """Refuses numbers that are all so small that their squares underflow in float32.

    Args:
      values: finite numbers or NaN, of any shape.
      where: what holds them, for the message.

    Raises:
      UserError: naming the largest.
    """
    size = np.abs(np.asarray(values, np.float64))
    top = np.max(size, initial=0.0, where=np.isfinite(size))
    if 0 < top < 1 / LARGEST:
        raise UserError(
            f"{where}: the largest number is {top:.2g} in size, too small for float32; give the "
            "numbers in a smaller unit"
        )


def train_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, with which all splits are standardised.

    Args:
      values: float64 [N, C], of the training split; NaN where a value is missing.

    Returns:
      (mean float64 [C], scale float64 [C]). The scale of a column that is constant is 1, and so is
      that of a column without values, whose mean is 0.
    """
    known = np.isfinite(values)
    low = np.min(values, axis=0, initial=np.inf, where=known)
    high = np.max(values, axis=0, initial=-np.inf, where=known)
    size = np.maximum(np.abs(low), np.abs(high))
    empty = ~known.any(axis=0)
    filled = np.where(empty, 0.0, values)
    mean = np.where(high == low, low, np.nanmean(filled, axis=0))
    scale = np.nanstd(filled, axis=0)
    # The squares of tiny numbers vanish even in float64; a power of two is exact.
    tiny = (scale == 0) & ~empty & (high > low)
    if tiny.any():
        power = np.frexp(size[tiny])[1]
        scale[tiny] = np.ldexp(np.nanstd(np.ldexp(filled[:, tiny], -power), axis=0), power)
    with np.errstate(invalid="ignore"):
        constant = empty | (high - low <= _CONSTANT * size)
    return mean, np.where(constant | (scale == 0), 1.0, scale)


def standardised(
    values: np.ndarray, scale: tuple[np.ndarray, np.ndarray], where: str, place: Place | None = None
) -> np.ndarray:
    """Columns standardised by the training split's mean and scale, checked for overflow.

    Args:
      values: float64 [..., C]; NaN where a value is missing, which stays NaN.
      scale: of `train_scale`.
      where: what holds them, for the message.
      place: see `finite`.

    Returns:
      float32 [..., C].

    Raises:
      UserError: a value is so far from the training split's that its square overflows in float32.
    """
    mean, spread = scale
    with np.errstate(over="ignore"):
        out = (values - mean) / spread
    finite(out, f"{where}, standardised by the training split,", place, missing=True)
    return out.astype(np.float32)
