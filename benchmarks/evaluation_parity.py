"""Every evaluator beside an independent reference, on the features of a trained run.

Writes results/evaluation_parity.json and .md: a row an evaluator, the reference and the largest
deviation from it.

    python benchmarks/evaluation_parity.py RUN [--out results/evaluation_parity]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize, stats
from sklearn import cluster, covariance, linear_model, metrics, neighbors
from sklearn.preprocessing import StandardScaler

from jssl.core.intervals import mean_interval
from jssl.data.source import SubsetSource
from jssl.evaluation import clustering, correlation, detection, labelfree, retrieval
from jssl.evaluation.collapse import effective_rank
from jssl.evaluation.features import features
from jssl.evaluation.few_shot import FewShot, draw_episodes, few_shot
from jssl.evaluation.knn import knn_predict
from jssl.evaluation.logistic import Scaler, fit_path
from jssl.evaluation.probe_sweep import Sweep, train_one
from jssl.evaluation.ridge import RidgePath
from jssl.runs.loop import Options
from jssl.runs.run import hardware, read_record, reopen, versions
from jssl.studies import session

Row = tuple[str, str, float, str]


def relative(found: Any, expected: Any) -> float:
    """Largest difference over the largest magnitude of the reference."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-300))


def classifiers(x: np.ndarray, y: np.ndarray, t: np.ndarray, classes: int) -> Iterator[Row]:
    """kNN, logistic regression, ridge and a probe of the sweep."""
    ks = (1, 20, 200)
    found = knn_predict(x, y, t, ks=ks)
    for k in ks:
        weights = {"weights": lambda distance: np.exp((1 - distance) / 0.07)}
        model = neighbors.KNeighborsClassifier(k, metric="cosine", **weights).fit(x, y)
        different = float((model.predict(t) != found[k]).mean())
        yield f"kNN, k={k}", "scikit-learn", different, "share of other predictions"
    scaler, ours = StandardScaler().fit(x.astype(np.float64)), Scaler.fit(x)
    z, held = scaler.transform(x.astype(np.float64)), scaler.transform(t.astype(np.float64))
    for strength in (1e-3, 1e-1):
        model = linear_model.LogisticRegression(C=strength, tol=1e-8, max_iter=20000).fit(z, y)
        (fit,) = fit_path(ours(x), y, [strength], max_iterations=5000, tolerance=1e-6)
        logits = ours(t) @ fit.weights + fit.bias
        probability = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability /= probability.sum(axis=1, keepdims=True)
        deviation = float(np.abs(probability - model.predict_proba(held)).max())
        yield f"logistic, C={strength:g}", "scikit-learn", deviation, "of a probability"
    targets = 2.0 * np.eye(classes)[y] - 1
    solver = RidgePath.fit(z, targets)
    for penalty in (1.0, 1e3):
        model = linear_model.RidgeClassifier(alpha=penalty).fit(z, y)
        deviation = relative(solver.solve(penalty)[0].T, model.coef_)
        yield f"ridge, penalty {penalty:g}", "scikit-learn", deviation, "relative, of a weight"
    sweep = Sweep(epochs=2, batch_size=250)
    found = train_one(ours(x), y, classes, sweep, 0.1, 1e-3)
    deviation = relative(found[0], momentum_sgd(ours(x), y, classes, sweep, 0.1, 1e-3))
    yield "a probe of the sweep", "NumPy loop", deviation, "relative, of a weight"


def momentum_sgd(
    x: np.ndarray, y: np.ndarray, classes: int, sweep: Sweep, rate: float, decay: float
) -> np.ndarray:
    """A linear probe by momentum SGD with a cosine schedule, in float64."""
    import jax

    w, b = np.zeros((x.shape[1], classes)), np.zeros(classes)
    speed_w, speed_b, step = np.zeros_like(w), np.zeros_like(b), 0
    per_epoch = len(x) // sweep.batch_size
    for epoch in range(sweep.epochs):
        key = jax.random.fold_in(jax.random.key(sweep.seed), epoch)
        order = np.asarray(jax.random.permutation(key, len(x)))
        for batch in order[: per_epoch * sweep.batch_size].reshape(per_epoch, -1):
            features = x[batch].astype(np.float64)
            p = np.exp(features @ w + b)
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(len(batch)), y[batch]] -= 1
            speed_w = 0.9 * speed_w + features.T @ p / len(batch) + decay * w
            speed_b = 0.9 * speed_b + p.mean(axis=0)
            at = 0.5 * (1 + math.cos(math.pi * step / (sweep.epochs * per_epoch)))
            scaled = rate * sweep.batch_size / 256 * at
            w, b, step = w - scaled * speed_w, b - scaled * speed_b, step + 1
    return w


def partitions(x: np.ndarray, y: np.ndarray) -> Iterator[Row]:
    """Clustering and its agreement with classes."""
    found = clustering.kmeans(x, 10, restarts=4)
    reference = cluster.KMeans(10, n_init=4, random_state=0).fit(x)
    excess = found.inertia / reference.inertia_ - 1
    yield "k-means", "scikit-learn", excess, "relative excess of the inertia (below 0: better)"
    agreed = clustering.agreement(found.labels, y)
    table = clustering.contingency(found.labels, y)
    match = optimize.linprog(
        -table.ravel(),
        A_ub=np.concatenate([np.kron(np.eye(10), np.ones(10)), np.kron(np.ones(10), np.eye(10))]),
        b_ub=np.ones(20),
    )
    deviation = abs(agreed["hungarian"] + match.fun / len(y))
    yield "Hungarian accuracy", "SciPy linear program", deviation, "absolute"

    def pairs(counts: np.ndarray) -> float:
        return sum(math.comb(int(c), 2) for c in counts.ravel())

    rows, columns, n = table.sum(axis=1), table.sum(axis=0), len(y)
    chance = pairs(rows) * pairs(columns) / math.comb(n, 2)
    ari = (pairs(table) - chance) / ((pairs(rows) + pairs(columns)) / 2 - chance)
    yield "ARI", "its definition", abs(agreed["ari"] - ari), "absolute"

    def entropy(counts: np.ndarray) -> float:
        return -sum(c / n * math.log(c / n) for c in counts if c)

    def term(count: int, a: int, b: int) -> float:
        return count / n * math.log(n * count / (a * b)) if count else 0.0

    mutual = sum(term(table[i, j], rows[i], columns[j]) for i, j in np.ndindex(*table.shape))
    expected = sum(
        stats.hypergeom.pmf(count, n, a, b) * term(count, a, b)
        for a, b in itertools.product(rows.tolist(), columns.tolist())
        for count in range(max(1, a + b - n), min(a, b) + 1)
    )
    ami = (mutual - expected) / ((entropy(rows) + entropy(columns)) / 2 - expected)
    yield "AMI", "its definition", abs(agreed["ami"] - ami), "absolute"


def label_free(x: np.ndarray, views: np.ndarray) -> Iterator[Row]:
    """Label-free metrics against loops over examples."""
    singular = np.sqrt(np.clip(np.linalg.eigvalsh((x.T @ x).astype(np.float64)), 0, None))
    p = singular / singular.sum() + 1e-7
    rank = math.exp(-sum(p * np.log(p)))
    yield "RankMe", "NumPy, eigenvalues", relative(effective_rank(x), rank), "relative"
    mean = sum(x.astype(np.float64)) / len(x)
    total = sum(np.outer(row - mean, row - mean) for row in x)
    values = np.linalg.eigvalsh(total / (len(x) - 1))[::-1]
    kept = values[values > values[0] * 1e-12]
    slope = np.polyfit(np.log(np.arange(1, len(kept) + 1)), np.log(kept), 1)[0]
    yield "alpha-ReQ", "NumPy, polyfit", relative(labelfree.alpha_req(x), -slope), "relative"
    yield "NESum", "NumPy loop", relative(labelfree.nesum(x), sum(values) / values[0]), "relative"
    expected = sum(np.sum(row.astype(np.float64) ** 2) for row in x) / singular.max() ** 2
    yield "stable rank", "NumPy loop", relative(labelfree.stable_rank(x), expected), "relative"
    means = [sum(v) / len(v) for v in views.astype(np.float64)]
    mean = sum(means) / len(means)
    between = sum(np.outer(m - mean, m - mean) for m in means) / len(means)
    inner = [row - m for v, m in zip(views, means, strict=True) for row in v]
    within = sum(np.outer(row, row) for row in inner) / len(inner) + 1e-4 * np.eye(len(mean))
    found = np.linalg.eigvals(np.linalg.solve(within, between)).real
    p = np.clip(found, 0, None) / np.clip(found, 0, None).sum() + 1e-7
    expected = math.exp(-sum(p * np.log(p)))
    yield "LiDAR", "NumPy loop", relative(labelfree.lidar(views), expected), "relative"
    unit = [v / np.linalg.norm(v) for v in views[:, 0].astype(np.float64)]
    other = [v / np.linalg.norm(v) for v in views[:, 1].astype(np.float64)]
    expected = np.mean([np.sum((a - b) ** 2) for a, b in zip(unit, other, strict=True)])
    found = labelfree.alignment(views[:, 0], views[:, 1])
    yield "alignment", "NumPy loop", relative(found, expected), "relative"
    pairs = [math.exp(-2 * np.sum((a - b) ** 2)) for a, b in itertools.combinations(unit, 2)]
    expected = math.log(np.mean(pairs))
    found = labelfree.uniformity(views[:, 0])
    yield "uniformity", "NumPy loop", relative(found, expected), "relative"
    some = x[:500].astype(np.float64)
    total = 0.0
    for i, row in enumerate(some):
        near = np.sort(np.linalg.norm(np.delete(some, i, axis=0) - row, axis=1))
        total += math.log(near[1] / near[0])
    found = labelfree.intrinsic_dimension(some)
    yield "intrinsic dimension", "NumPy loop", relative(found, len(some) / total), "relative"
    pair = some[:40, 0], some[:40, 1]
    expected = stats.spearmanr(*pair).statistic
    yield "Spearman", "SciPy", abs(correlation.spearman(*pair).rho - expected), "absolute"


def queries(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> Iterator[Row]:
    """Retrieval, episodes and out-of-distribution scores."""
    some, labels = x[:400], y[:400]
    found = retrieval.retrieval(some, labels)
    z = some.astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    precision, first = [], []
    for i in range(len(z)):
        others = np.delete(np.arange(len(z)), i)
        right, similarity = labels[others] == labels[i], z[others] @ z[i]
        precision.append(metrics.average_precision_score(right, similarity))
        first.append(right[similarity.argmax()])
    yield "retrieval mAP", "scikit-learn", abs(found["map"] - np.mean(precision)), "absolute"
    yield "recall@1", "NumPy loop", abs(found["recall@1"] - np.mean(first)), "absolute"
    settings = FewShot(episodes=40)
    scores = []
    centre = x.mean(axis=0)
    z = (x - centre).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    for support, asked in zip(*draw_episodes(y, settings), strict=True):
        model = neighbors.NearestCentroid().fit(
            z[support.ravel()], np.repeat(np.arange(5), settings.shots)
        )
        truth = np.repeat(np.arange(5), settings.queries)
        scores.append((model.predict(z[asked.ravel()]) == truth).mean())
    found = few_shot(x, y, settings, centre=centre)
    expected = mean_interval(scores)
    yield "few-shot prototypes", "scikit-learn", abs(found.mean - expected[0]), "of the accuracy"
    known, foreign = t[:300], np.random.default_rng(0).permutation(t.ravel())[: 300 * t.shape[1]]
    foreign = foreign.reshape(300, -1)
    model = neighbors.NearestNeighbors(n_neighbors=50).fit(
        x / np.linalg.norm(x, axis=1, keepdims=True)
    )
    expected = model.kneighbors(known / np.linalg.norm(known, axis=1, keepdims=True))[0][:, -1]
    score = detection.knn_score(x, known)
    yield "OOD score, kNN", "scikit-learn", relative(score, expected), "relative"
    means = np.stack([x[y == c].mean(axis=0, dtype=np.float64) for c in range(y.max() + 1)])
    shared = covariance.EmpiricalCovariance(assume_centered=True).fit(x - means[y])
    expected = np.min([shared.mahalanobis(known - mean) for mean in means], axis=0)
    score = detection.mahalanobis_score(x, known, y, ridge=1e-12)
    yield "OOD score, Mahalanobis", "scikit-learn", relative(score, expected), "relative"
    both = score, detection.mahalanobis_score(x, foreign, y, ridge=1e-12)
    expected = metrics.roc_auc_score(np.repeat([0, 1], 300), np.concatenate(both))
    yield "AUROC", "scikit-learn", abs(detection.auroc(*both) - expected), "absolute"


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", default="results/evaluation_parity")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    run = reopen(arguments.run)
    program, state, data = session.restore(run, Options(devices=1))

    def encoded(source: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        part = SubsetSource(source, np.arange(min(count, len(source))))
        return features(program, state, part)

    (x, y), (t, _) = encoded(data.train, 2000), encoded(data.test, 1000)
    views = x[: 200 * 8].reshape(200, 8, -1)  # any groups of real features serve here
    rows: list[Row] = []
    parts: list[Callable[[], Iterator[Row]]] = [
        lambda: classifiers(x, y, t, int(y.max()) + 1),
        lambda: partitions(x, y),
        lambda: label_free(x, views),
        lambda: queries(x, y, t),
    ]
    for part in parts:
        for row in part():
            print(*row, sep=" | ", flush=True)
            rows.append(row)
    keys = ("evaluator", "reference", "deviation", "measure")
    record = {
        "rows": [dict(zip(keys, (a, b, float(c), d), strict=True)) for a, b, c, d in rows],
        "features": f"{len(x)} train and {len(t)} test, {x.shape[1]} dimensions",
        "run": {k: read_record(run.folder)[k] for k in ("name", "seed", "fingerprint")},
        "command": "python benchmarks/evaluation_parity.py RUN",
        "hardware": hardware(),
        "versions": versions(),
    }
    Path(f"{arguments.out}.json").write_text(json.dumps(record, indent=1) + "\n")
    lines = [
        "# Evaluators beside independent references",
        "",
        f"Features of a run of `{record['run']['name']}`: {record['features']}.",
        f"Written by `{record['command']}`.",
        "",
        "| evaluator | reference | largest deviation | of what |",
        "|---|---|---:|---|",
        *(f"| {a} | {b} | {c:.1e} | {d} |" for a, b, c, d in rows),
    ]
    Path(f"{arguments.out}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
