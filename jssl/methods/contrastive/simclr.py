"""SimCLR: attract the two views of an example and repel all other views of the batch.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Layers, Positive
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.siamese import Siamese, interleave_views, split_views
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import nt_xent


@dataclasses.dataclass(frozen=True)
class SimCLR(Method):
    """Normalised temperature-scaled cross-entropy between two views (the paper's eq. 1).

    Equation: L_i = -log(exp(z_i.z_j / T) / sum over k != i of exp(z_i.z_k / T)), where i and j are
    the two views of one example among the 2B views of the batch.

    Views: `a` and `b`, both [B, ...]. They pass through the net as one batch of 2B, so that
    BatchNorm statistics cover both.

    Remembers: nothing.

    Collapse: prevented by the negatives, which are all other views of the batch; small batches
    weaken the signal.

    Defaults: from the paper for ImageNet (section 2.1 and appendix B.7: temperature 0.1, projector
    2048 - 128 on a ResNet-50; batch 4096, LARS at 0.3 x batch / 256, weight decay 1e-6). The
    authors' CIFAR-10 recipe uses temperature 0.5 (appendix B.9).

    Differs from the authors' code: no difference is known to change the results. Both projectors
    end with a BatchNorm without learned shift.

    Attributes:
      temperature: temperature of the softmax.
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the projector computes.
    """

    temperature: Positive = 0.1
    hidden: Layers = (2048,)
    out: Count = 128
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "A Simple Framework for Contrastive Learning of Visual Representations"
    symmetric_views: ClassVar[tuple[str, ...]] = ("a", "b")
    scale_invariant: ClassVar[tuple[str, ...]] = ("a", "b")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and projector."""
        last_norm = self.norm != "none"
        projector = MLPHead(
            self.hidden,
            self.out,
            norm=self.norm,
            last_norm=last_norm,
            last_bias=not last_norm,
            last_shift=False,
            dtype=self.dtype,
        )
        return Siamese(encoder, projector)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Projections of both views: `a` and `b`, each [B, out]."""
        both = interleave_views(views["a"], views["b"])
        (projections, _) = step.student(both)
        a, b = split_views(projections, 2)
        return {"a": a, "b": b}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """NT-Xent over the global batch."""
        loss = jnp.mean(nt_xent(outputs["a"], outputs["b"], temperature=self.temperature))
        return loss, {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Projections of both views; the trivial loss is ln(2B - 1)."""
        a, b = outputs["a"], outputs["b"]
        return Monitored(
            embeddings={"projection": a},
            pairs={"views": (a, b)},
            trivial_loss=math.log(2 * a.shape[0] - 1),
        )

    def smoke(self) -> Method:
        """A projector of width 32."""
        return dataclasses.replace(self, hidden=(32,) * len(self.hidden), out=16)
