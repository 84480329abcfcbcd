"""Label-free measures of representation quality."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jssl.core.ranges import Count, Several
from jssl.errors import UserError
from jssl.evaluation import labelfree
from jssl.evaluation.collapse import effective_rank
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations, pooled


@dataclass(frozen=True)
class LabelFree(Evaluation):
    """RankMe, alpha-ReQ, NESum, stable rank, both parts of CLID, LiDAR, alignment and uniformity.

    Attributes:
      part: the split that is measured.
      limit: largest number of examples for spectra and neighbour statistics.
      examples: number of examples for LiDAR and alignment.
      draws: augmented views per example.
      clusters: number of clusters for cluster learnability.
    """

    part: str = "train"
    limit: Count = dataclasses.field(default=2048, metadata={"former": "most"})
    examples: Count = 256
    draws: Count = 10
    clusters: Several = 10

    about: ClassVar[str] = "RankMe, alpha-ReQ, LiDAR, CLID, NESum, stable rank, alignment, ..."

    def measure(self, subject: Representations, row: str) -> Measured:
        arrays, _ = subject.arrays(row, self.part, pooled, limit=self.limit)
        x = arrays["pooled"]
        found = {
            "RankMe": float(effective_rank(x)),
            "alpha-ReQ": labelfree.alpha_req(x),
            "NESum": labelfree.nesum(x),
            "stable rank": labelfree.stable_rank(x),
            "uniformity": labelfree.uniformity(x),
            "intrinsic dimension": labelfree.intrinsic_dimension(x),
            "cluster learnability": labelfree.cluster_learnability(
                x, clusters=self.clusters, seed=self.seed
            ),
        }
        try:
            views = subject.views(
                row, self.part, examples=self.examples, draws=self.draws, seed=self.seed
            )
        except UserError:  # without augmented views, the metrics on views are undefined
            views = None
        if views is not None:
            found["LiDAR"] = labelfree.lidar(views)
            found["alignment"] = labelfree.alignment(views[:, 0], views[:, 1])
        return Measured(
            {name: Score(float(np.asarray(v)), percent=False) for name, v in found.items()}
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"{self.limit} examples of {self.part} at most; LiDAR and alignment: {self.examples} "
            f"examples with {self.draws} views each, of the run's own augmentation.",
        )


PROTOCOLS = {"label_free": LabelFree()}
