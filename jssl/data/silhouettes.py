"""Silhouettes as signed distances, tabulated once and read by bilinear interpolation."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

_EXTENT = 1.25  # the table covers [-_EXTENT, _EXTENT]^2 around a shape of radius about 1
_CELLS = 160


def distance(shape: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance to the outline, in units of the shape's radius; negative inside.

    Args:
      shape: integers [N], positions in ``NAMES``.
      x: float32 [N, H, W], to the right.
      y: float32 [N, H, W], downwards.

    Returns:
      float32 [N, H, W]; beyond the table, the distance at its border, which is positive.
    """
    table = _table()
    per_cell = np.float32(_CELLS / (2 * _EXTENT))
    limit = np.float32(_CELLS - 1e-3)
    column = np.clip((x + np.float32(_EXTENT)) * per_cell, 0, limit)
    row = np.clip((y + np.float32(_EXTENT)) * per_cell, 0, limit)
    j, i = column.astype(np.int32), row.astype(np.int32)
    column -= j
    row -= i
    side = _CELLS + 1
    at = i * side + j + (shape.astype(np.int32) * (side * side))[:, None, None]
    top = table.take(at)
    top += column * (table.take(at + 1) - top)
    bottom = table.take(at + side)
    bottom += column * (table.take(at + side + 1) - bottom)
    return top + row * (bottom - top)


@functools.lru_cache(maxsize=1)
def _table() -> np.ndarray:
    axis = np.linspace(-_EXTENT, _EXTENT, _CELLS + 1)
    x, y = np.meshgrid(axis, axis)
    return np.stack([draw(x, y) for draw in _SHAPES.values()]).astype(np.float32).reshape(-1)


def _polygon(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Exact signed distance to a simple polygon, corners [V, 2]."""
    nearest = np.full(x.shape, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * ex, y - ay - along * ey))
        if ay != by:  # even-odd rule: count the edges that a ray to the right crosses
            crosses = ((ay > y) != (by > y)) & (x < ax + (y - ay) / ey * ex)
            inside ^= crosses
    return np.where(inside, -nearest, nearest)


def _fan(radii: list[float], turn: float = -0.25) -> np.ndarray:
    """Corners at equal angles with the given radii; the first points up."""
    angle = (np.arange(len(radii)) / len(radii) + turn) * 2 * np.pi
    return np.array(radii)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - 0.86


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(x, y) - 0.66) - 0.26


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(x + 0.1, y) - 0.95, 0.72 - np.hypot(x - 0.42, y))


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, _fan([1.1] * 4, turn=0.125))


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y - 0.15, _fan([1.15] * 3))


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, _fan([1.15, 0.45] * 5))


def _bar(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, np.array([(-0.34, -1.1), (0.34, -1.1), (0.34, 1.1), (-0.34, 1.1)]))


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    a, b = 0.31, 1.0
    quarter = [(a, -b), (a, -a), (b, -a)]
    corners = [(x, y) for x, y in quarter]
    for _ in range(3):
        corners += [(-v, u) for u, v in corners[-3:]]
    return _polygon(x, y, np.array(corners))


def _arrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    right = [(0.0, -1.1), (0.85, -0.1), (0.3, -0.1), (0.3, 1.0)]
    corners = right + [(-u, v) for u, v in reversed(right[1:])]
    return _polygon(x, y, np.array(corners))


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    u = 16 * np.sin(t) ** 3
    v = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return _polygon(x, y, np.stack([u, -v - 2.5], axis=1) / 16)


_SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "disc": _disc,
    "ring": _ring,
    "crescent": _crescent,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "bar": _bar,
    "cross": _cross,
    "arrow": _arrow,
    "heart": _heart,
}
NAMES = tuple(_SHAPES)
