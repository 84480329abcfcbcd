"""What is measured on the training split once: means, deviations and limits of the channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

MOST_IMAGES = 2048  # that statistics are measured on, evenly spaced over the training split
LIMIT_IMAGES = 256  # that limits of deep images are measured on
_QUANTILES = (0.001, 0.999)
_DIGITS = 5


def spread(rows: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` of some positions, evenly spaced."""
    if len(rows) <= limit:
        return np.asarray(rows)
    return np.asarray(rows)[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]


def channel_statistics(
    read: Callable[[int], np.ndarray], rows: Sequence[int] | np.ndarray
) -> dict[str, Any]:
    """Mean and standard deviation of each channel.

    Args:
      read: position -> [..., C], uint8 (divided by 255 here) or float in [0, 1].
      rows: positions of the training split; at most `MOST_IMAGES` of them are read.

    Returns:
      {"mean": C numbers, "std": C numbers of at least 0.001, "measured_on": how many were read}.
    """
    chosen = spread(np.asarray(rows), MOST_IMAGES)

    def moments(row: int) -> tuple[int, np.ndarray, np.ndarray]:
        pixels = read(int(row))
        scale = 255.0 if pixels.dtype == np.uint8 else 1.0
        values = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64) / scale
        return len(values), values.sum(0), np.square(values).sum(0)

    with ThreadPoolExecutor(4) as pool:
        counts, sums, squares = zip(*pool.map(moments, chosen), strict=True)
    total = sum(counts)
    mean = np.sum(sums, axis=0) / total
    variance = np.maximum(np.sum(squares, axis=0) / total - np.square(mean), 0)
    std = np.maximum(np.sqrt(variance), 1e-3)
    return {
        "mean": [round(float(x), _DIGITS) for x in mean],
        "std": [round(float(x), _DIGITS) for x in std],
        "measured_on": len(chosen),
    }


def channel_limits(
    read: Callable[[int], np.ndarray], rows: Sequence[int] | np.ndarray
) -> list[list[float]]:
    """The 0.1 and 99.9 % quantiles of each channel of deep images.

    Args:
      read: position -> [..., C] of any number type.
      rows: positions of the training split; at most `LIMIT_IMAGES` of them are read, and 4096
        evenly spaced pixels of each.

    Returns:
      [low, high] of each channel.
    """

    def pixels(row: int) -> np.ndarray:
        values = read(int(row))
        values = values.reshape(-1, values.shape[-1])
        return values[spread(np.arange(len(values)), 4096)].astype(np.float64)

    with ThreadPoolExecutor(4) as pool:
        values = np.concatenate(list(pool.map(pixels, spread(np.asarray(rows), LIMIT_IMAGES))))
    low, high = np.quantile(values, _QUANTILES, axis=0)
    return [[float(f"{a:.6g}"), float(f"{b:.6g}")] for a, b in zip(low, high, strict=True)]
