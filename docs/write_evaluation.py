"""Writes docs/evaluation.md: the protocols, error messages for invalid requests, and benchmarks.

python docs/write_evaluation.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
ROOT = Path(__file__).resolve().parent.parent

import numpy as np  # noqa: E402

from jssl.errors import UserError  # noqa: E402
from jssl.evaluation import labelfree  # noqa: E402
from jssl.evaluation.clustering import kmeans  # noqa: E402
from jssl.evaluation.detection import auroc  # noqa: E402
from jssl.evaluation.few_label import few_label_probe, fraction_probe  # noqa: E402
from jssl.evaluation.few_shot import FewShot, few_shot  # noqa: E402
from jssl.evaluation.knn import knn_accuracy  # noqa: E402
from jssl.evaluation.linear import linear_probe  # noqa: E402
from jssl.evaluation.protocols import protocols  # noqa: E402
from jssl.evaluation.retrieval import retrieval  # noqa: E402
from jssl.evaluation.ridge import ridge_probe  # noqa: E402

HEAD = """# Evaluation

Written by `python docs/write_evaluation.py`; do not edit by hand.

```
jssl evaluate RUN                                  # the standard table of the run's page
jssl evaluate RUN --protocol knn linear label_free # records in RUN/evaluations/
jssl evaluate RUN --protocol sweep --set epochs=20 # override a setting; the protocol's id changes
jssl evaluate RUN --protocol linear --supervised   # adds the same encoder trained on the labels
jssl evaluate RUN --protocol knn --on image/simclr_digits   # transfer: probe on other data
jssl table runs/image/simclr_shapes --format latex # several runs; mean ± interval over seeds
jssl reproduce cifar10_resnet18 --budget full --seeds 3     # a paper's table, with its results
```

Every table includes two baselines, the untrained encoder and the raw input. Hyper-parameters are
selected on the validation split; `--set select_on=test` is an error. A record contains the
protocol's id, the sizes and fingerprints of the splits, seeds, versions, hardware and command. The
evaluators also work on arrays:

```python
from jssl.evaluation.knn import knn_accuracy
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.probe_sweep import Sweep, sweep_probes
from jssl.evaluation.arrays import FeatureSplits

knn_accuracy(bank, bank_labels, queries, query_labels, ks=(20, 200))
linear_probe((x, y), (x_validation, y_validation), (x_test, y_test)).top1
splits = FeatureSplits((x, y), (x_validation, y_validation), (x_test, y_test))
sweep_probes({"last/cls": splits}, Sweep(learning_rates=(0.01, 0.1, 1.0))).top1
```

Every probe with a regularisation strength chooses it from one grid (`jssl.evaluation.strengths`):
C from 1e-4 to 1e3 by decades for classifiers, a penalty from 1e-2 to 1e6 for ridge regression.
All candidates are tried. While the best one on validation is at an end, the value beyond it is
tried as well, down to C = 1e-6 and up to 1e5 (penalties: 1e-4 and 1e8); if the best one is at
such a bound, a note of the record says so. `--set strengths=(0.1,)` fixes C. The grid matters:
mean-pooled tokens of a transformer need a much weaker regularisation before training than after
it, and a grid that ends too early makes the gain over the untrained encoder look larger than it
is. A record's `protocol.settings` hold its grid; records with another grid are not comparable.

To add a protocol, define a frozen dataclass with `measure(subject, row)` in a module of
`jssl/evaluation/protocols/` and add an instance to the module's dictionary `PROTOCOLS`.

Measurements on real runs:

- [deviations from reference implementations](../results/evaluation_parity.md)
- [run times compared with scikit-learn](../results/evaluation_speed.json)
- correlation of label-free metrics with linear-probe accuracy over 24 runs of four methods,
  [on shapes](../results/label_free_shapes.md) and [on CIFAR-10](../results/label_free_cifar10.md)

The two data sets disagree: over all runs, RankMe correlates positively with the probe on shapes and
negatively on CIFAR-10, where masked autoencoders have the highest accuracy and the lowest rank. Use
RankMe only to compare runs of one method.

## Protocols
"""

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 8)).astype(np.float32), np.arange(60) % 3
BROKEN = np.where(np.arange(60)[:, None] == 4, np.nan, X)
SPLIT = (X, Y)

REQUESTS: dict[str, Callable[[], object]] = {
    "a single class": lambda: linear_probe((X, np.zeros(60, int)), SPLIT, SPLIT),
    "more neighbours than examples": lambda: knn_accuracy(X, Y, X, Y, ks=(200,)),
    "features with NaN": lambda: knn_accuracy(BROKEN, Y, X, Y, ks=(5,)),
    "a class without training examples": lambda: ridge_probe(SPLIT, SPLIT, (X, Y + 1)),
    "selection on the test split": lambda: linear_probe(SPLIT, SPLIT, SPLIT, select_on="test"),
    "an empty split": lambda: linear_probe((X[:0], Y[:0]), SPLIT, SPLIT),
    "features of another encoder": lambda: ridge_probe(SPLIT, SPLIT, (X[:, :5], Y)),
    "more labels per class than examples": lambda: few_label_probe(
        SPLIT, SPLIT, SPLIT, per_class=(50,)
    ),
    "a label fraction above 1": lambda: fraction_probe(SPLIT, SPLIT, SPLIT, fractions=(2,)),
    "more ways than classes": lambda: few_shot(X, Y, FewShot(ways=5)),
    "more clusters than examples": lambda: kmeans(X, 61),
    "retrieval with one example per class": lambda: retrieval(X[:3], Y[:3]),
    "the spectrum of collapsed features": lambda: labelfree.alpha_req(np.ones((9, 4))),
    "LiDAR of a single view": lambda: labelfree.lidar(X[:, None]),
    "AUROC without OOD examples": lambda: auroc(Y, []),
}


def protocol_table() -> list[str]:
    """The table of protocols, one row each."""
    lines = ["| name | what it measures | source |", "|---|---|---|"]
    for name, evaluation in protocols().items():
        paper = getattr(evaluation, "paper", "") or evaluation.source
        lines.append(f"| `{name}` | {evaluation.about} | {paper} |")
    return lines


def sentences() -> list[str]:
    """The table of invalid requests and their error messages."""
    lines = ["| request | error message |", "|---|---|"]
    for request, ask in REQUESTS.items():
        try:
            ask()
        except UserError as error:
            lines.append(f"| {request} | {error} |")
        else:
            raise AssertionError(f"{request} did not raise")
    return lines


def speed(record: dict) -> list[str]:
    """The table of measured run times."""
    lines = ["| computation | seconds |", "|---|---:|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in record["seconds"].items()]
    ratios = record["times faster than scikit-learn"]
    sweep = record["sweep"]
    lines += [
        "",
        f"{record['images']} images, {record['dimension']} dimensions, {record['hardware']}. "
        "Speed-up over scikit-learn on the same arrays: "
        + ", ".join(f"{name} {value:.1f}" for name, value in ratios.items())
        + f". {sweep['settings']} linear probes in one sweep take "
        f"{sweep['seconds at once']:.2f} s, sequentially {sweep['seconds one by one']:.2f} s, "
        f"a speed-up of {sweep['times faster']:.1f}; the largest difference in a weight is "
        f"{sweep['largest difference of a weight']:.1e}.",
        "",
        f"`{record['command']}`",
    ]
    return lines


def main() -> None:
    """Writes the page."""
    results = ROOT / "results"
    parts = [HEAD, *protocol_table(), "", "## Invalid requests", "", *sentences(), ""]
    for name, title in (("evaluation_speed.json", "## Run times"),):
        path = results / name
        if path.exists():
            parts += [title, "", *speed(json.loads(path.read_text())), ""]
    parity = (results / "evaluation_parity.md").read_text().splitlines()
    parts += ["## Comparison with reference implementations", "", *parity[2:], ""]
    (ROOT / "docs" / "evaluation.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
