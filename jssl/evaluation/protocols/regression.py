"""Ridge regression of a scalar target, such as protein fitness, from pooled features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jssl.core.ranges import Positives, Spread
from jssl.data.source import read_all
from jssl.errors import UserError, nearest
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.regression import regression_probe
from jssl.evaluation.representations import PARTS, Representations, pooled
from jssl.evaluation.strengths import PENALTIES, PENALTY_BOUNDS


@dataclass(frozen=True)
class Regression(Evaluation):
    """Ridge regression, scored by Spearman's rank correlation.

    Attributes:
      target: key of the regression target in an example.
      penalties: candidate ridge penalties.
      bounds: smallest and largest penalty that are tried while the best one is at an end.
    """

    target: str = "target"
    penalties: Positives = PENALTIES
    bounds: Spread = PENALTY_BOUNDS

    about: ClassVar[str] = "ridge regression of a scalar target: Spearman's correlation"
    source: ClassVar[str] = "Rao et al. 2019 (TAPE); Dallago et al. 2021 (FLIP)"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured:
        parts = []
        for part in PARTS:
            batch = read_all(subject.source(part))
            if self.target not in batch or np.ndim(batch[self.target]) != 1:
                raise UserError(
                    f"regression needs one number per example, and {self.target!r} is not one: "
                    f"{nearest(self.target, batch)}"
                )
            x = subject.arrays(row, part, pooled)[0]["pooled"]
            parts.append((x, batch[self.target].astype(np.float64)))
        found = regression_probe(
            *parts, penalties=self.penalties, bounds=self.bounds, select_on=self.select_on
        )
        half = (found.test.high - found.test.low) / 2
        scores = {
            "spearman": Score(found.test.rho, half, percent=False),
            "mse": Score(found.mse, percent=False),
            "validation": Score(found.validation, percent=False),
        }
        return Measured(scores, {"penalty": found.penalty})

    def notes(self) -> tuple[str, ...]:
        return (f"The number is {self.target!r}; the penalty was chosen by rank on validation.",)


PROTOCOLS = {"regression": Regression()}
