"""Lines of a chart as arrays: what is finite, thinned where it is long, and its medians."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from jssl.errors import UserError

Points = Sequence[tuple[float, float]]

BINS = 250  # of a thinned line, each with its least and its largest value
SMOOTHED = 100  # points from which on a line is overlaid with its medians


def finite_lines(series: Mapping[str, Points], what: str) -> dict[str, np.ndarray]:
    """The lines of a chart that have a finite point, float64 [N, 2] each.

    Raises:
      UserError: no line has a finite value.
    """
    lines = {}
    for name, points in series.items():
        array = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        array = array[np.isfinite(array).all(axis=1)]
        if len(array):
            lines[name] = array
    if not lines:
        raise UserError(f"there is nothing to draw: no finite value of {', '.join(series) or what}")
    return lines


def thinned(points: np.ndarray, bins: int = BINS) -> np.ndarray:
    """A long line with fewer points that looks the same: the extremes of each of some intervals.

    Args:
      points: [N, 2] in order; N up to four times `bins` is returned as it is.
      bins: intervals of equally many points.

    Returns:
      [M, 2] in order, M at most twice `bins`; a single spike stays.
    """
    if len(points) <= 4 * bins:
        return points
    edges = np.linspace(0, len(points), bins + 1).astype(int)
    kept = [
        start + offset
        for start, end in itertools.pairwise(edges)
        for offset in sorted({points[start:end, 1].argmin(), points[start:end, 1].argmax()})
    ]
    return points[kept]


def smoothed(points: np.ndarray, windows: int = SMOOTHED) -> np.ndarray:
    """The medians of a line's consecutive windows.

    Args:
      points: [N, 2] in order, N >= `windows`.
      windows: how many there are.

    Returns:
      [windows, 2]: the mean position and the median value of each.
    """
    parts = np.array_split(points, windows)
    return np.array([(part[:, 0].mean(), np.median(part[:, 1])) for part in parts])
