"""Simple baselines of clips: what stands still, what changes, and both."""

from __future__ import annotations

import numpy as np
from modality_baselines import Scores, front, linear

from jssl.data.source import Source, Splits


def clips(splits: Splits) -> dict[str, Scores]:
    """Linear probes on frames of half the resolution, from the eight in the middle."""
    parts = [_read(part) for part in (splits.train, splits.validation, splits.test)]
    kinds = {
        "one frame": lambda x: x[:, x.shape[1] // 2],
        "the mean frame": lambda x: x.mean(axis=1),
        "the mean change between frames": lambda x: np.abs(np.diff(x, axis=1)).mean(axis=1),
        "the mean frame and all differences": lambda x: np.concatenate(
            [x.mean(axis=1, keepdims=True), np.diff(x, axis=1)], axis=1
        ),
    }
    return {
        f"linear on {name}": {"linear": linear([(describe(x), y) for x, y in parts])}
        for name, describe in kinds.items()
    }


def _read(source: Source, length: int = 8) -> tuple[np.ndarray, np.ndarray]:
    source = front(source, 8000)
    batch = source[np.arange(len(source))]
    first = (batch["video"].shape[1] - length) // 2
    x = batch["video"][:, first : first + length].astype(np.float32) / 255
    n, t, h, w, c = x.shape
    x = x.reshape(n, t, h // 2, 2, w // 2, 2, c).mean(axis=(3, 5))
    return x, batch["label"]
