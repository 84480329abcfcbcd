"""Several labels an example: mean average precision and macro F1 of a linear probe."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from jssl.core.ranges import Positives, Spread
from jssl.data.source import tags
from jssl.errors import UserError
from jssl.evaluation.multi_label import multi_label_probe
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import PARTS, Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS


@dataclass(frozen=True)
class MultiLabel(Evaluation):
    """Logistic regression one against the rest, for data with several labels an example.

    Attributes:
      strengths: candidate values of C, the inverse L2 penalty; one is chosen for all labels.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = "one-vs-rest logistic regression: mean average precision, macro F1"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured:
        names = subject.splits.tags
        if not names:
            raise UserError(
                f"the data {subject.splits.name} has not several labels an example, which "
                "multi_label measures; --protocol linear is for one label"
            )
        parts = [
            (subject.labelled(row, part).features, tags(subject.source(part))) for part in PARTS
        ]
        found = multi_label_probe(
            *parts,
            names=names,
            strengths=self.strengths,
            bounds=self.bounds,
            select_on=self.select_on,
            seed=self.seed,
        )
        scores = {
            "mean AP": Score(
                found.mean_average_precision, found.precision_interval, converged=found.converged
            ),
            "macro F1": Score(found.macro_f1, found.f1_interval, converged=found.converged),
            "validation mean AP": Score(found.validation),
        }
        details = dataclasses.asdict(found)
        return Measured(
            scores, {k: list(v) if isinstance(v, tuple) else v for k, v in details.items()}
        )

    def notes(self) -> tuple[str, ...]:
        return (
            "Means are over the labels that have examples with and without them in each split. F1 "
            "is at a probability of 1/2; one C for all labels was chosen by mean average precision "
            "on validation, for each row. ± is a 95 % interval over test examples (bootstrap).",
        )


PROTOCOLS = {"multi_label": MultiLabel()}
