"""Linear support-vector machine on frozen features."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Positives, Spread
from jssl.evaluation import svm
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS


@dataclass(frozen=True)
class SVM(Evaluation):
    """Linear support-vector machine on pooled features.

    Attributes:
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = "linear support-vector machine, C chosen on validation"
    source: ClassVar[str] = "Achlioptas et al. 2018 (point clouds)"

    def measure(self, subject: Representations, row: str) -> Measured:
        splits = subject.features(row)
        found = svm.svm_probe(
            *splits, strengths=self.strengths, bounds=self.bounds, select_on=self.select_on
        )
        score = Score(
            found.top1,
            binomial_interval(found.top1, len(splits.test.labels)),
            converged=found.converged,
        )
        details = dataclasses.asdict(found) | {"path": list(found.path)}
        return Measured({"svm": score, "validation": Score(found.validation_top1)}, details)


PROTOCOLS = {"svm": SVM()}
