"""LeJEPA: predict the mean embedding of the global views, and regularise towards a Gaussian.

Balestriero & LeCun, "LeJEPA: Provable and Scalable Self-Supervised Learning Without the
Heuristics", 2025.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax

from jssl.core.ranges import Count, Layers, Positive, Several, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MultiCrop, all_crops
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.gaussian import lejepa, random_slices


@dataclasses.dataclass(frozen=True)
class LeJEPA(Method):
    """`(1 - weight) * prediction + weight * SIGReg` (algorithms 1 and 2), over the global batch.

    Equation: L = (1 - w) mean over views v of |z_v - mean of the global z|^2 + w mean over slices u
    of EppsPulley(u.z), where w is `weight` and u a random unit direction.

    Views: global ones `a` and `b`, [B, ...], and, optionally, `local` [B, V, ...], which may be
    smaller.

    Remembers: nothing; new random slices are drawn in each step.

    Collapse: prevented by SIGReg; if its weight is too small, embeddings shrink to a point.

    Three variants of this loss exist. This one is the paper's, with the Epps-Pulley statistic on 17
    points in [-5, 5], multiplied by the global batch size. The authors' later example integrates
    over 17 points on [0, 3]; eb_jepa omits the factor 1 - weight.

    Defaults: weight 0.05, 1024 slices and the projector 2048 - 2048 - 128 with BatchNorm; the first
    two are the paper's recommendation (unverified), the projector is that of the authors' example
    (AdamW at 2e-3 with batch 256 and weight decay 0.05, weight 0.02 there).

    Differs from the authors' code: the slices depend on the run's seed and the step; theirs depend
    only on the step.

    Attributes:
      weight: weight of SIGReg, between 0 and 1.
      slices: number of random directions.
      points: number of quadrature points.
      limit: upper end of the quadrature interval.
      hidden: widths of the projector's hidden layers.
      out: width of the embedding.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the projector computes.
    """

    weight: Unit = 0.05
    slices: Count = 1024
    points: Several = 17
    limit: Positive = 5.0
    hidden: Layers = (2048, 2048)
    out: Count = 128
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.multicrop()
    paper: ClassVar[str] = (
        "LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and projector."""
        return MultiCrop(encoder, MLPHead(self.hidden, self.out, norm=self.norm, dtype=self.dtype))

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (all_crops(views),)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`embeddings` of all views, the two global ones first: [B, V, out]."""
        embeddings = step.student(all_crops(views))
        return {"embeddings": embeddings}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The paper's loss, and its two terms as metrics."""
        embeddings = outputs["embeddings"]
        directions = random_slices(step.key, self.out, self.slices)
        loss, prediction, regularizer = lejepa(
            embeddings[:, :2],
            embeddings,
            directions,
            weight=self.weight,
            points=self.points,
            limit=self.limit,
        )
        return loss, {"prediction": prediction, "sigreg": regularizer}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of the global views."""
        a, b = outputs["embeddings"][:, 0], outputs["embeddings"][:, 1]
        return Monitored(embeddings={"embedding": a}, pairs={"views": (a, b)})

    def smoke(self) -> Method:
        """16 slices and a projector of width 16."""
        return dataclasses.replace(self, slices=16, hidden=(16,), out=8)
