"""Simple baselines of texts and of biological sequences: counts of words, of k-mers, one-hot."""

from __future__ import annotations

import modality_baselines as simple
import numpy as np

from jssl.data.source import Splits, read_all
from jssl.evaluation.regression import regression_probe

Scores = dict[str, float]


def counts(sequences: np.ndarray, k: int) -> np.ndarray:
    """How often each k-mer of any sequence is in each: symbols int [N, L] -> float32 [N, kinds]."""
    windows = np.lib.stride_tricks.sliding_window_view(sequences, k, axis=1)
    base = int(sequences.max()) + 1
    numbers = (windows.astype(np.int64) * base ** np.arange(k)).sum(-1)
    numbers[(windows == 0).any(-1)] = -1  # padding
    kinds = np.unique(numbers[numbers >= 0])
    out = np.zeros((len(sequences), len(kinds)), np.float32)
    rows, places = np.nonzero(numbers >= 0)
    np.add.at(out, (rows, np.searchsorted(kinds, numbers[rows, places])), 1.0)
    return out


def hot(sequences: np.ndarray) -> np.ndarray:
    """One-hot symbols by place: float32 [N, columns]."""
    columns = sequences[..., None] == np.unique(sequences)
    return columns.reshape(len(sequences), -1).astype(np.float32)


def _bags(splits: Splits, ks: tuple[int, ...]) -> dict[str, list[np.ndarray]]:
    """Each kind of features for train, validation and test; what train lacks is left out."""
    parts = [
        np.asarray(read_all(part)["sequence"])
        for part in (splits.train, splits.validation, splits.test)
    ]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    whole = np.concatenate(parts)
    made = {f"{k}-mers": counts(whole, k) for k in ks}
    made["one-hot letters"] = hot(whole)
    varying = {name: x[:, np.ptp(x[: ends[0]], axis=0) > 0] for name, x in made.items()}
    return {name: np.split(x, ends) for name, x in varying.items()}


def sequence_classes(splits: Splits) -> dict[str, Scores]:
    """Linear probes on bags of k-mers and on one-hot letters."""
    labels = [read_all(part)["label"] for part in (splits.train, splits.validation, splits.test)]
    return {
        f"linear on {name}": {"linear": simple.linear(list(zip(parts, labels, strict=True)))}
        for name, parts in _bags(splits, (1, 3, 4)).items()
    }


def sequence_numbers(splits: Splits) -> dict[str, Scores]:
    """Ridge regression on bags of k-mers and on one-hot letters."""
    targets = [read_all(part)["target"] for part in (splits.train, splits.validation, splits.test)]
    found = {}
    for name, parts in _bags(splits, (1, 3)).items():
        result = regression_probe(*zip(parts, targets, strict=True))
        found[f"ridge on {name}"] = {"spearman": result.test.rho, "mse": result.mse}
    return found
