"""The field's simple baselines for each modality, on the same splits as the encoders."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from jssl.data.source import Source, Splits, SubsetSource
from jssl.evaluation.forecasting import Windows, forecast_probe
from jssl.evaluation.linear import LinearResult, linear_probe
from jssl.evaluation.protocols.nodes import node_probe

Scores = dict[str, float]
Parts = list[tuple[np.ndarray, np.ndarray]]


def front(source: Source, most: int) -> Source:
    """At most so many examples, evenly spread over a source."""
    if len(source) <= most:
        return source
    return SubsetSource(source, np.linspace(0, len(source) - 1, most).astype(np.int64))


def read(splits: Splits, field: str, most: int = 8000) -> Parts:
    """An array and the labels of each split."""
    parts = []
    for source in (splits.train, splits.validation, splits.test):
        source = front(source, most)
        batch = source[np.arange(len(source))]
        parts.append((np.asarray(batch[field]), np.asarray(batch["label"])))
    return parts


def linear(parts: Parts) -> float:
    """Test accuracy of the linear probe, its strength chosen on validation."""
    return linear_fit(parts).top1


def linear_fit(parts: Parts) -> LinearResult:
    """The linear probe, its strength chosen on validation."""
    flat = [(x.reshape(len(x), -1).astype(np.float32), y) for x, y in parts]
    return linear_probe(*flat)


def nearest(parts: Parts) -> float:
    """Test accuracy of the one nearest neighbour by Euclidean distance."""
    (x, y), _, (z, t) = parts
    x, z = (a.reshape(len(a), -1).astype(np.float64) for a in (x, z))
    squares = (z**2).sum(1)[:, None] - 2 * z @ x.T + (x**2).sum(1)
    return float(np.mean(y[squares.argmin(1)] == t))


def series(splits: Splits) -> dict[str, Scores]:
    """Raw series, each channel normalised: one nearest neighbour and a linear probe."""
    parts = read(splits, "series")
    normal = [
        ((x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + 1e-5), y) for x, y in parts
    ]
    return {
        "1-NN, Euclidean, as stored": {"linear": nearest(parts)},
        "1-NN, Euclidean, normalised": {"linear": nearest(normal)},
        "linear on the series, normalised": {"linear": linear(normal)},
        "linear on the series, as stored": {"linear": linear(parts)},
    }


def activity(splits: Splits) -> dict[str, Scores]:
    """Statistics of each channel, which the field calls hand-made features, and raw windows."""
    parts = read(splits, "series")

    def statistics(x: np.ndarray) -> np.ndarray:
        steps = np.abs(np.diff(x, axis=1)).mean(axis=1)
        found = [x.mean(axis=1), x.std(axis=1), x.min(axis=1), x.max(axis=1), steps]
        return np.concatenate(found, axis=1)

    return {
        "1-NN, Euclidean": {"linear": nearest(parts)},
        "linear on the windows": {"linear": linear(parts)},
        "linear on statistics of the channels": {
            "linear": linear([(statistics(x), y) for x, y in parts])
        },
    }


def forecast(splits: Splits, every: int = 3) -> dict[str, Scores]:
    """The last value, and a linear map of the normalised past."""

    def windows(source: Source, step: int) -> Windows:
        batch = source[np.arange(0, len(source), step)]
        past = batch["series"]
        spread = np.sqrt(past.var(axis=1, keepdims=True) + 1e-5)
        normal = (past - past.mean(axis=1, keepdims=True)) / spread
        return Windows(normal.transpose(0, 2, 1), past, batch["future"])

    test = windows(splits.test, 1)
    still = test.past[:, -1:] - test.future
    found = forecast_probe(windows(splits.train, every), windows(splits.validation, 1), test)
    return {
        "the last value": {
            "mse": float(np.mean(still**2)),
            "mae": float(np.mean(np.abs(still))),
        },
        "linear on the past, normalised": {"mse": found.mse, "mae": found.mae},
    }


def table(splits: Splits) -> dict[str, Scores]:
    """Gradient-boosted trees on the raw columns, and a linear probe on one-hot columns."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    parts = read(splits, "row", most=100_000)
    (x, y), _, (z, t) = parts
    whole = np.concatenate([part[0] for part in parts])
    kinds = [bool(np.all(c == np.round(c)) and c.min() >= 0 and c.max() > 1) for c in whole.T]
    model = HistGradientBoostingClassifier(categorical_features=kinds, random_state=0).fit(x, y)
    hot = [(one_hot(rows, kinds, whole), labels) for rows, labels in parts]
    few = [(rows[:8000], labels[:8000]) for rows, labels in hot[:2]]
    chance = model.predict_proba(z)[:, 1]
    trees = {
        "linear": float(np.mean(model.predict(z) == t)),
        "auc": float(roc_auc_score(t, chance)),
    }
    probe = linear_fit([*few, hot[2]])
    return {
        "gradient-boosted trees, all rows": trees,
        "linear on one-hot columns, 8000 rows": {"linear": probe.top1, "auc": probe.auc},
    }


def audio(**front: int) -> Callable[[Splits], dict[str, Scores]]:
    """Means and deviations over time of 20 MFCCs, and of the log-mel bands themselves.

    `front` are the settings of `log_mel`.
    """

    def score(splits: Splits) -> dict[str, Scores]:
        from scipy.fft import dct

        from jssl.augmentations.audio import log_mel

        bands = jax.jit(jax.vmap(lambda x: log_mel(None, x, **front)[..., 0]))
        mels = []
        for x, y in read(splits, "audio"):
            rows = [np.asarray(bands(x[i : i + 100])) for i in range(0, len(x), 100)]
            mels.append((np.concatenate(rows), y))
        found = {}
        for name, count in {"MFCC statistics": 20, "log-mel statistics": None}.items():
            parts = []
            for x, y in mels:
                z = x if count is None else dct(x, axis=2, norm="ortho")[..., :count]
                parts.append((np.concatenate([z.mean(1), z.std(1)], axis=1), y))
            found[f"linear on {name}"] = {"linear": linear(parts)}
        return found

    return score


def nodes(splits: Splits) -> dict[str, Scores]:
    """A linear probe on the nodes' own features, and on those of their neighbours as well (SGC)."""
    example = splits.train[0]
    x, edges = example["graph/nodes"], example["graph/edges"][example["graph/edge_mask"]]
    degree = 1.0 + np.bincount(edges[:, 1], minlength=len(x))
    scale = 1.0 / np.sqrt(degree)[:, None]
    smooth = x.astype(np.float64)
    for _ in range(2):  # Wu et al., "Simplifying Graph Convolutional Networks", 2019
        near = smooth * scale
        total = near.copy()
        np.add.at(total, edges[:, 1], near[edges[:, 0]])
        smooth = total * scale
    label, split = example["node_label"].astype(np.int64), example["node_split"]
    found = {}
    for name, z in (("own features", x), ("features smoothed twice (SGC)", smooth)):
        parts = [(z[split == k], label[split == k]) for k in range(3)]
        found[f"linear on {name}"] = {"linear": node_probe(*parts)["top1"]}
    return found


def graphs(splits: Splits) -> dict[str, Scores]:
    """Counts of node labels and of pairs of them along edges."""
    rows, labels = [], []
    for source in (splits.train, splits.validation, splits.test):
        for i in range(len(source)):
            graph = source[i]
            x = graph["graph/nodes"]
            edges = graph["graph/edges"][graph["graph/edge_mask"]]
            pairs = x[edges[:, 0]].T @ x[edges[:, 1]]
            rows.append(np.concatenate([x.sum(0), pairs.reshape(-1)]))
            labels.append(int(graph["label"]))
    x, y = np.asarray(rows), np.asarray(labels)
    kinds = x[:, : splits.train[0]["graph/nodes"].shape[1]]
    return {
        "counts of node labels": {"linear": svm(kinds, y)},
        "counts of node labels and edges": {"linear": svm(x, y)},
    }


def svm(x: np.ndarray, y: np.ndarray) -> float:
    """Accuracy over ten stratified folds; C is chosen by five folds inside each training part."""
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    model = make_pipeline(StandardScaler(), SVC())
    search = GridSearchCV(model, {"svc__C": [0.1, 1.0, 10.0, 100.0]}, cv=5)
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    return float(np.mean(cross_val_score(search, x, y, cv=folds)))


def one_hot(rows: np.ndarray, kinds: list[bool], whole: np.ndarray) -> np.ndarray:
    """Categorical columns as one column a category, numbers as they are."""
    columns = []
    for place, kind in enumerate(kinds):
        column = rows[:, place]
        if kind:
            columns.append(np.eye(int(whole[:, place].max()) + 1)[column.astype(int)])
        else:
            columns.append(column[:, None])
    return np.concatenate(columns, axis=1)
