"""Means, their 95 % intervals and spreads, and the one way in which tables print them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half-width of its 95 % interval (Student's t).

    Args:
      values: independent measurements, at least one.

    Returns:
      The mean, and the half-width (NaN for a single value).
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float(values.mean()), math.nan
    # scipy.stats provides the same quantile, but takes seconds to import.
    from scipy.special import stdtrit

    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(stdtrit(len(values) - 1, 0.975) * error)


def mean_spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (N - 1 in the denominator) of a sample.

    Args:
      values: measurements, at least one.

    Returns:
      The mean, and the standard deviation (None for a single value).
    """
    values = np.asarray(values, dtype=np.float64)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


def binomial_interval(accuracy: float, examples: int) -> float:
    """Half-width of the 95 % interval of an accuracy measured on independent examples.

    Wilson's score interval, which remains valid near 0 and 1. Its centre differs from the accuracy;
    the half-width is reported around the accuracy itself.
    """
    z = 1.959964
    spread = accuracy * (1 - accuracy) / examples + z**2 / (4 * examples**2)
    return z / (1 + z**2 / examples) * math.sqrt(spread)


def plus_minus(
    value: float,
    half: float | None = None,
    *,
    percent: bool = False,
    digits: str = "",
    sign: str = "",
) -> str:
    """A value with its interval or spread as text, such as "83.0 ± 1.2".

    Args:
      value: the value.
      half: half-width of its interval, or its standard deviation; None or NaN if there is none.
      percent: whether the value is a fraction that is shown in percent.
      digits: format of both numbers; "" for one decimal of percent, else three significant digits.
      sign: "+" to show the sign of a positive value.

    Returns:
      The text.
    """
    scale = 100 if percent else 1
    digits = digits or (".1f" if percent else ".3g")
    text = f"{scale * value:{sign}{digits}}"
    if half is None or math.isnan(half):
        return text
    return f"{text} ± {scale * half:{digits}}"
