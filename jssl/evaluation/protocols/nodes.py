"""Node classification on a single graph with fixed splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import chex
import jax
import numpy as np

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Positives, Spread
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.evaluation.linear import check_selection
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, search

Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Nodes(Evaluation):
    """Logistic regression, trained to convergence, on node features.

    Attributes:
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = "logistic regression on the nodes of one graph, with its public split"
    source: ClassVar[str] = "Yang et al. 2016 (the splits)"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured:
        example = subject.splits.train[0]
        if "node_label" not in example:
            raise UserError("node classification needs a graph with labels of nodes, such as Cora")
        if subject.rows[row].program is None:
            field = subject.program.experiment.preprocess.field
            x = example[f"{field}/nodes"]
        else:
            x = subject.arrays(row, "train", all_tokens, limit=1)[0]["tokens"][0]
        label, split = example["node_label"], example["node_split"]
        parts = [(x[split == k], label[split == k]) for k in range(3)]
        found = node_probe(
            *parts, strengths=self.strengths, bounds=self.bounds, select_on=self.select_on
        )
        score = Score(found["top1"], binomial_interval(found["top1"], len(parts[2][1])))
        return Measured({"nodes": score, "validation": Score(found["validation_top1"])}, found)

    def notes(self) -> tuple[str, ...]:
        return ("The graph and all features are seen in training, labels of train nodes alone.",)


def all_tokens(features: Features) -> dict[str, jax.Array]:
    """Features of all nodes."""
    if features.tokens is None:
        raise UserError("this encoder has no nodes")
    return {"tokens": features.tokens}


def node_probe(
    train: Part,
    validation: Part,
    test: Part,
    *,
    strengths: Sequence[float] = STRENGTHS,
    bounds: tuple[float, float] = BOUNDS,
    select_on: str = "validation",
) -> dict[str, float | bool]:
    """Logistic regression on l2-normalised features; they are not standardised, as labels are few.

    Args:
      train: features [N, D] and labels [N].
      validation: the same; used to select C.
      test: the same; reported.
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
      select_on: "validation"; anything else is an error.

    Returns:
      "top1", "validation_top1", the selected "strength", and "at_edge": whether the search for
      it ended at its bound.
    """
    from sklearn.linear_model import LogisticRegression

    check_selection(select_on)
    for features, labels in (train, validation, test):
        chex.assert_rank([features, labels], [2, 1])
        chex.assert_equal_shape_prefix([features, labels], 1)
    parts = [
        (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), y)
        for x, y in (train, validation, test)
    ]
    models: dict[float, LogisticRegression] = {}

    def score(strength: float) -> float:
        models[strength] = LogisticRegression(C=strength, max_iter=3000).fit(*parts[0])
        return float(models[strength].score(*parts[1]))

    choice = search(score, strengths, bounds)
    return {
        "top1": float(models[choice.value].score(*parts[2])),
        "validation_top1": choice.score,
        "strength": choice.value,
        "at_edge": choice.at_edge,
    }


PROTOCOLS = {"nodes": Nodes()}
