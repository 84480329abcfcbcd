"""Correlation of cosine similarity with human similarity scores (STS-B)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jssl.data.source import ArraySource, read_all
from jssl.errors import UserError
from jssl.evaluation.labelfree import unit
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.regression import correlation
from jssl.evaluation.representations import Representations, pooled


@dataclass(frozen=True)
class Similarity(Evaluation):
    """Spearman's correlation between the cosine similarity of two inputs and a reference score.

    Nothing is fitted and no hyper-parameter is selected.

    Attributes:
      other: key of the second input in an example.
      target: key of the reference score.
      part: the split that is measured.
    """

    other: str = "other"
    target: str = "target"
    part: str = "test"

    about: ClassVar[str] = (
        "Spearman's correlation of cosine similarity with reference scores (STS-B)"
    )
    source: ClassVar[str] = "Cer et al. 2017"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured:
        batch = read_all(subject.source(self.part))
        field = subject.program.experiment.preprocess.field
        missing = [key for key in (field, self.other, self.target) if key not in batch]
        if missing:
            raise UserError(
                f"similarity needs pairs with a score, such as STS-B's; {', '.join(missing)} is "
                "not in the data"
            )
        a, b = (
            unit(subject.arrays(row, ArraySource({field: batch[key]}), pooled)[0]["pooled"])
            for key in (field, self.other)
        )
        found = correlation(np.sum(a * b, axis=1), batch[self.target].astype(np.float64))
        half = (found.high - found.low) / 2
        return Measured({"spearman": Score(found.rho, half, percent=False)})

    def notes(self) -> tuple[str, ...]:
        return (f"Cosines of pooled features of the {self.part} split; nothing is fitted.",)


PROTOCOLS = {"similarity": Similarity()}
