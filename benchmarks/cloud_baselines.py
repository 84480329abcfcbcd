"""Simple baselines of point clouds: distributions of distances, occupied cells, moments."""

from __future__ import annotations

import numpy as np
from modality_baselines import Scores, front

from jssl.data.source import Source, Splits
from jssl.evaluation.svm import svm_probe

PAIRS = 2048


def clouds(splits: Splits) -> dict[str, Scores]:
    """A linear support-vector machine on descriptors of clouds that are moved to their means."""
    kinds = {
        "SVM on distances of pairs (D2)": distances,
        "SVM on occupied cells": cells,
        "SVM on moments": moments,
    }
    parts = [_read(part) for part in (splits.train, splits.validation, splits.test)]
    return {
        name: {"svm": svm_probe(*((describe(*x), y) for x, y in parts)).top1}
        for name, describe in kinds.items()
    }


def _read(source: Source) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    source = front(source, 8000)
    batch = source[np.arange(len(source))]
    xyz, valid = batch["points/xyz"].astype(np.float64), batch["points/valid"]
    real = valid[..., None]
    mean = (xyz * real).sum(1, keepdims=True) / real.sum(1, keepdims=True)
    xyz = (xyz - mean) * real
    size = np.sqrt((xyz**2).sum((1, 2)) / valid.sum(1))
    return (xyz / np.maximum(size, 1e-9)[:, None, None], valid), batch["label"]


def distances(xyz: np.ndarray, valid: np.ndarray, bins: int = 64) -> np.ndarray:
    """Histogram of the distances of random pairs: turned clouds have the same.

    Osada et al., "Shape Distributions", 2002 (D2).
    """
    draw = np.random.default_rng(0)
    rows = []
    for cloud, real in zip(xyz, valid, strict=True):
        points = cloud[real]
        a, b = draw.integers(len(points), size=(2, PAIRS))
        gap = np.linalg.norm(points[a] - points[b], axis=1)
        rows.append(np.histogram(gap, bins=bins, range=(0.0, 4.0))[0] / PAIRS)
    return np.asarray(rows)


def cells(xyz: np.ndarray, valid: np.ndarray, side: int = 8) -> np.ndarray:
    """Share of the points in each cell of a grid over [-2, 2]^3."""
    place = np.clip(((xyz + 2.0) / 4.0 * side).astype(int), 0, side - 1)
    flat = (place[..., 0] * side + place[..., 1]) * side + place[..., 2]
    found = np.zeros((len(xyz), side**3))
    for row, (numbers, real) in enumerate(zip(flat, valid, strict=True)):
        found[row] = np.bincount(numbers[real], minlength=side**3) / real.sum()
    return found


def moments(xyz: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """All products of coordinates of degree one to four, averaged over the points."""
    x, y, z = np.moveaxis(xyz, -1, 0)
    count = valid.sum(1)
    columns = [
        (x**a * y**b * z**c * valid).sum(1) / count
        for a in range(5)
        for b in range(5 - a)
        for c in range(5 - a - b)
        if a + b + c
    ]
    return np.stack(columns, axis=1)
