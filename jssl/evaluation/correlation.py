"""Spearman's rank correlation with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import chex
import numpy as np

from jssl.errors import UserError


class Correlation(NamedTuple):
    """Spearman's rank correlation of `count` pairs and its 95 % interval [low, high]."""

    rho: float
    low: float
    high: float
    count: int


def spearman(x: Sequence[float], y: Sequence[float]) -> Correlation:
    """Spearman's correlation; ties share their mean rank.

    The interval is Fisher's, with the standard error sqrt((1 + rho^2 / 2) / (n - 3)) of Bonett and
    Wright 2000, "Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations". It assumes independent pairs.

    Args:
      x: [n], such as a label-free metric of each run.
      y: [n], such as its probe accuracy.

    Returns:
      The correlation.

    Raises:
      UserError: fewer than four pairs, different lengths, a value that is not finite, or a constant
        argument.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 4:
        raise UserError(
            f"a rank correlation needs at least four pairs, not {list(x.shape)} and {list(y.shape)}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise UserError("a rank correlation needs finite values: leave diverged runs out")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise UserError("a rank correlation needs values that differ, and one side is constant")
    a, b = ranks(x), ranks(y)
    a, b = a - a.mean(), b - b.mean()
    rho = float(np.clip(np.sum(a * b) / math.sqrt(np.sum(a**2) * np.sum(b**2)), -1.0, 1.0))
    if abs(rho) == 1.0:
        return Correlation(rho, rho, rho, len(x))
    spread = 1.959964 * math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = (math.tanh(math.atanh(rho) + side * spread) for side in (-1, 1))
    return Correlation(rho, low, high, len(x))


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of values [n], float64, starting at 1; ties get their mean rank."""
    chex.assert_rank(values, 1)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
