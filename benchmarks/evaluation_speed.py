"""How long evaluation takes: extraction, kNN and logistic beside scikit-learn; the probe sweep.

One process, one run, the same arrays on both sides; writes results/evaluation_speed.json.

    python benchmarks/evaluation_speed.py RUN [--images 10000] [--out results/evaluation_speed]

RUN is a trained run's folder; its test images (at most `--images`, the rest from train) are
encoded. Each figure is the fastest of `--rounds`, after one untimed round that compiles.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.source import SubsetSource
from jssl.evaluation.arrays import FeatureSplits, Labelled
from jssl.evaluation.features import features
from jssl.evaluation.knn import knn_predict
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.logistic import Scaler, fit_path
from jssl.evaluation.probe_sweep import Sweep, accuracies, train_one, train_stack
from jssl.runs.loop import Options
from jssl.runs.run import hardware, read_record, reopen, versions
from jssl.studies import session

STRENGTHS = (1e-3, 1e-2, 1e-1)
SWEEP = Sweep(
    learning_rates=tuple(10.0 ** np.linspace(-3, -0.5, 16)),
    weight_decays=(0.0, 1e-5, 1e-4, 1e-3),
    epochs=5,
)


def fastest(function: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Seconds of the fastest of some rounds, and what the last one returned."""
    function()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        value = function()
        times.append(time.perf_counter() - start)
    return min(times), value


def reference(splits: FeatureSplits) -> tuple[np.ndarray, list[np.ndarray], dict[str, float]]:
    """scikit-learn's predictions on test, and its seconds, once each."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    train, _, test = splits
    seconds = {}
    start = time.perf_counter()
    weights = {"weights": lambda distance: np.exp((1 - distance) / 0.07)}
    model = KNeighborsClassifier(20, metric="cosine", **weights).fit(*train)
    near = model.predict(test.features)
    seconds["knn"] = time.perf_counter() - start
    start = time.perf_counter()
    scaler = Scaler.fit(train.features)
    x, held = scaler(train.features).astype(np.float64), scaler(test.features)
    probes = []
    for strength in STRENGTHS:
        # Its tolerance is for the largest entry of the mean loss's gradient, like ours.
        model = LogisticRegression(C=strength, tol=1e-4, max_iter=1000).fit(x, train.labels)
        probes.append(model.predict(held))
    seconds["logistic"] = time.perf_counter() - start
    return near, probes, seconds


def ours(splits: FeatureSplits, rounds: int) -> tuple[np.ndarray, list[np.ndarray], dict]:
    """Our predictions on test, and our seconds."""
    train, _, test = splits
    seconds = {}
    seconds["knn"], near = fastest(lambda: knn_predict(*train, test.features, ks=(20,))[20], rounds)

    def probe() -> list[np.ndarray]:
        scaler = Scaler.fit(train.features)
        x, held = scaler(train.features), scaler(test.features)
        path = fit_path(x, train.labels, STRENGTHS, max_iterations=1000, tolerance=1e-4)
        return [fit.predict(held) for fit in path]

    seconds["logistic"], probes = fastest(probe, rounds)
    return near, probes, seconds


def sweep_ratio(splits: FeatureSplits, rounds: int) -> dict[str, Any]:
    """All probes of `SWEEP` at once, and one after the other."""
    train = splits.train
    x = Scaler.fit(train.features)(train.features)
    classes = int(train.labels.max()) + 1
    rates, decays = SWEEP.grid()
    together, found = fastest(lambda: train_stack(x[None], train.labels, classes, SWEEP), rounds)

    def alone() -> list[Any]:
        pairs = zip(rates, decays, strict=True)
        return [train_one(x, train.labels, classes, SWEEP, *pair) for pair in pairs]

    apart, single = fastest(alone, 1)
    weights = np.stack([w for w, _ in single])[None], np.stack([b for _, b in single])[None]
    test = Scaler.fit(train.features)(splits.test.features)[None]
    scores = [accuracies(*probe, test, splits.test.labels) for probe in (found, weights)]
    return {
        "settings": len(rates),
        "steps": SWEEP.epochs * (len(x) // SWEEP.batch_size),
        "seconds at once": together,
        "seconds one by one": apart,
        "times faster": apart / together,
        "largest difference of a weight": float(np.abs(found[0] - weights[0]).max()),
        "largest weight": float(np.abs(weights[0]).max()),
        "largest difference of a test accuracy": float(np.abs(scores[0] - scores[1]).max()),
    }


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/evaluation_speed.json"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    run = reopen(arguments.run)
    program, state, data = session.restore(run, Options(devices=1))
    source = SubsetSource(data.train, np.arange(min(arguments.images, len(data.train))))
    seconds = {}
    seconds["extraction"], (x, y) = fastest(lambda: features(program, state, source), 1)
    cut = [0, int(0.7 * len(x)), int(0.8 * len(x)), len(x)]
    splits = FeatureSplits(*(Labelled(x[a:b], y[a:b]) for a, b in itertools.pairwise(cut)))
    near, probes, own = ours(splits, arguments.rounds)
    near_reference, probes_reference, other = reference(splits)
    full, found = fastest(lambda: linear_probe(*splits), 1)
    result = {
        "images": len(x),
        "dimension": x.shape[1],
        "train, validation, test": [len(split.labels) for split in splits],
        "seconds": {
            "extraction": seconds["extraction"],
            "kNN, ours": own["knn"],
            "kNN, scikit-learn": other["knn"],
            f"logistic at {len(STRENGTHS)} strengths, ours": own["logistic"],
            f"logistic at {len(STRENGTHS)} strengths, scikit-learn": other["logistic"],
            "whole linear probe, strength chosen on validation": full,
        },
        "times faster than scikit-learn": {
            "kNN": other["knn"] / own["knn"],
            "logistic": other["logistic"] / own["logistic"],
            "kNN and logistic": sum(other.values()) / sum(own.values()),
        },
        "share of equal predictions": {
            "kNN": float((near == near_reference).mean()),
            "logistic": float(
                np.mean([p == q for p, q in zip(probes, probes_reference, strict=True)])
            ),
        },
        "linear probe top-1": found.top1,
        "sweep": sweep_ratio(splits, arguments.rounds),
        "command": f"python benchmarks/evaluation_speed.py RUN --images {arguments.images}",
        "run": {k: read_record(run.folder)[k] for k in ("name", "seed", "fingerprint")},
        "hardware": hardware(),
        "versions": versions(),
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
