"""The standard protocol of a run's page: its settings, its result and its table with baselines."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.intervals import binomial_interval, plus_minus
from jssl.core.ranges import Count, Layers, Positive, Positives, Ranged, Widths
from jssl.core.table import Table
from jssl.errors import UserError
from jssl.evaluation import few_label, linear
from jssl.evaluation.arrays import FeatureSplits, labelled, same_labels
from jssl.evaluation.knn import knn_accuracy

UNTRAINED = "untrained"
RAW = "raw"  # prefix of the rows that evaluate the input itself ("raw pixels")
PACKAGES = ("jssl", "jax", "jaxlib", "flax", "numpy", "scipy")


@dataclass(frozen=True)
class Protocol(Ranged):
    """Settings of the standard protocol.

    Attributes:
      ks: numbers of neighbours for kNN; the table shows the first. There is no selection.
      temperature: temperature of the kNN weights.
      strengths: candidate values of C for the linear probe.
      refit: refit rule of the linear probe, "train" or "train+validation".
      per_class: labels per class of the few-label probe.
      draws: number of labelled subsets per count.
      few_label_strengths: candidate values of C for the few-label probe.
      max_iterations: largest number of L-BFGS iterations per fit.
      tolerance: largest gradient entry of the mean loss at convergence.
      select_on: "validation"; any other value is an error.
    """

    ks: Widths = (20, 1, 5)
    temperature: Positive = 0.07
    strengths: Positives = linear.STRENGTHS
    refit: str = "train"
    per_class: Layers = (1, 5, 10)
    draws: Count = 10
    few_label_strengths: Positives = few_label.STRENGTHS
    max_iterations: Count = 1000
    tolerance: Positive = 1e-4
    select_on: str = "validation"

    @property
    def id(self) -> str:
        """An identifier that depends on every setting, such as "frozen-v1-3f2a90c1"."""
        settings = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return "frozen-v1-" + hashlib.sha256(settings.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Result:
    """The record of an evaluation, with all that is needed to reproduce it; plain JSON types only.

    Attributes:
      protocol: "id" and every setting.
      data: "classes" (number of classes), "chance" (frequency of the most common test class) and
        the size and fingerprint of each split.
      rows: for each representation: "dimension", "knn" (top1 and its test interval for each k),
        "linear", "few_label" (for each count).
      seeds: "evaluation" and the training seeds given by the caller.
      versions: versions of Python and the packages.
      command: the command line that produced it.
    """

    protocol: dict[str, Any]
    data: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    seeds: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""

    def to_json(self) -> str:
        """Serialises the record as strict JSON (an undefined interval is null)."""
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Parses the output of `to_json`.

        Raises:
          UserError: the text is not a valid record.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise UserError(f"this is not an evaluation record of jssl: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the record atomically."""
        partial = path.with_name(path.name + ".partial")
        partial.write_text(self.to_json())
        partial.replace(path)

    def table(self) -> Table:
        """A row per representation, a column per evaluator, in percent with 95 % intervals."""
        k = self.protocol["ks"][0]
        counts = [str(c) for c in self.protocol["per_class"]]
        header = ("features", f"kNN, k={k}", "linear", *(_labels(count) for count in counts))
        rows = []
        unconverged = False
        for name, row in self.rows.items():
            probes = [row["linear"], *(row["few_label"][count] for count in counts)]
            marks = ["" if probe["converged"] else " †" for probe in probes]
            unconverged |= any(marks)
            cells = [_percent(row["knn"][str(k)]), *map(_percent, probes)]
            rows.append((name, cells[0], *(c + m for c, m in zip(cells[1:], marks, strict=True))))
        sizes = ", ".join(f"{s['size']} {name}" for name, s in self.data["splits"].items())
        draws = self.protocol["draws"]
        notes = [
            f"Top-1 accuracy on test in %, {self.data['classes']} classes ({sizes}); always "
            f"guessing the commonest class gives {100 * self.data['chance']:.1f}.",
            f"± is a 95 % interval: over test examples for kNN and linear, over {draws} draws "
            "of the labelled examples for the few-label columns. It does not cover training seeds.",
            f"kNN is weighted by cosine with temperature {self.protocol['temperature']}; linear is "
            "a logistic regression on standardised features, fitted on "
            f"{self.protocol['refit'].replace('+', ' and ')}. Every strength C was chosen on "
            "validation; in the few-label columns one C for all draws.",
            f"Protocol {self.protocol['id']}.",
        ]
        if unconverged:
            notes.append("† the solver stopped at its limit of iterations.")
        emphasis = frozenset(n for n in self.rows if n != UNTRAINED and not n.startswith(RAW))
        return Table(header, tuple(rows), tuple(notes), emphasis)

    def markdown(self) -> str:
        """The table as Markdown."""
        return self.table().markdown()


def evaluate_features(
    rows: Mapping[str, Sequence],
    *,
    protocol: Protocol | None = None,
    seed: int = 0,
    seeds: Mapping[str, Any] | None = None,
    fingerprints: Mapping[str, str] | None = None,
    command: str | None = None,
) -> Result:
    """Evaluates all representations of a data set under the standard protocol.

    Args:
      rows: for each name a `FeatureSplits` (train, validation, test; each features [N, D] and
        labels [N]). One must be called "untrained" (the same encoder before training) and one must
        start with "raw" (the input itself); all must have the same labels.
      protocol: the settings, or None for the defaults.
      seed: seed of the labelled subsets.
      seeds: other seeds to record, such as {"training": 0}.
      fingerprints: for each split ("train", "validation", "test") a digest of its content.
      command: command line to record, or None for that of this process.

    Returns:
      The result; see `Result.markdown`, `Result.table` and `Result.save`.

    Raises:
      UserError: a baseline row is missing, the rows' labels differ, or the arrays are invalid.
    """
    protocol = protocol or Protocol()
    linear.check_selection(protocol.select_on)
    if UNTRAINED not in rows or not any(name.startswith(RAW) for name in rows):
        raise UserError(
            f"a result needs a row {UNTRAINED!r} and a row that starts with {RAW!r} beside the "
            f"trained one; there are: {', '.join(rows) or 'none'}"
        )
    splits: dict[str, FeatureSplits] = {}
    for name, row in rows.items():
        splits[name] = FeatureSplits(
            *(
                labelled(*split, f"the {part} split of {name!r}")
                for part, split in zip(FeatureSplits._fields, row, strict=True)
            )
        )
    first = next(iter(splits.values()))
    same_labels(splits)
    return Result(
        protocol={"id": protocol.id, **json.loads(json.dumps(dataclasses.asdict(protocol)))},
        data={
            "classes": len(np.unique(first.train.labels)),
            "chance": float(np.unique(first.test.labels, return_counts=True)[1].max())
            / len(first.test.labels),
            "splits": {
                part: {
                    "size": len(split.labels),
                    "fingerprint": (fingerprints or {}).get(part, ""),
                }
                for part, split in zip(FeatureSplits._fields, first, strict=True)
            },
        },
        rows={name: _evaluate(row, protocol, seed) for name, row in splits.items()},
        seeds={"evaluation": seed, **(seeds or {})},
        versions=versions(),
        command=shlex.join(sys.argv) if command is None else command,
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that affect the results."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def _evaluate(row: FeatureSplits, protocol: Protocol, seed: int) -> dict[str, Any]:
    knn = knn_accuracy(*row.train, *row.test, ks=protocol.ks, temperature=protocol.temperature)
    limits = {"max_iterations": protocol.max_iterations, "tolerance": protocol.tolerance}
    probe = linear.linear_probe(
        *row,
        strengths=protocol.strengths,
        refit=protocol.refit,
        select_on=protocol.select_on,
        **limits,
    )
    few = few_label.few_label_probe(
        *row,
        per_class=protocol.per_class,
        draws=protocol.draws,
        seed=seed,
        strengths=protocol.few_label_strengths,
        select_on=protocol.select_on,
        **limits,
    )
    tests = len(row.test.labels)
    return {
        "dimension": row.train.features.shape[1],
        "knn": {
            str(k): {"top1": a, "interval": binomial_interval(a, tests)} for k, a in knn.items()
        },
        "linear": {
            **dataclasses.asdict(probe),
            "path": list(probe.path),
            "interval": binomial_interval(probe.top1, tests),
        },
        "few_label": {
            str(count): {
                **dataclasses.asdict(found),
                "draws": list(found.draws),
                "interval": None if math.isnan(found.interval) else found.interval,
            }
            for count, found in few.items()
        },
    }


def _percent(score: Mapping[str, Any]) -> str:
    value = score["top1"] if "top1" in score else score["mean"]
    return plus_minus(value, score["interval"], percent=True)


def _labels(count: str) -> str:
    return f"{count} label{'' if count == '1' else 's'} a class"
