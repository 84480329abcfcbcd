"""NNCLR: the positive of a view is the nearest neighbour of the other view in a queue.

Dwibedi et al., "With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of
Visual Representations", 2021.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Layers, Positive
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.queue import new_queue, push
from jssl.methods.siamese import Siamese, interleave_views, split_views
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.common import l2_normalize
from jssl.objectives.contrastive import info_nce, nearest


@dataclasses.dataclass(frozen=True)
class NNCLR(Method):
    """InfoNCE of one view's nearest neighbour with the other's prediction (eqs. 3 and 4).

    Equation: L = -log softmax over j of (nn(z_a)_i.p_b_j / T) at j = i, where nn(z) is the nearest
    neighbour of z in the queue; the same term with a and b swapped is added.

    Views: `a` and `b`, each [B, ...], passed through the net as one batch of 2B.

    Remembers: a queue of the projections of `a` (the support set), initialised with random unit
    vectors. Neighbours are looked up for the global batch before the batch enters the queue.

    Collapse: prevented by the negatives, which are the predictions of the other examples.

    Defaults: from the paper for ImageNet (section 4.1: temperature 0.1, queue of 98304, projector
    2048 - 2048 - 256 with a last BatchNorm, predictor 4096 - 256; batch 4096, LARS at 0.3 x batch /
    256, weight decay 1e-6). The last BatchNorm has no learned shift, which could not be verified.

    Differs from the paper: no difference is known. The authors' code is not public; initialising
    each residual branch of the ResNet at zero, as SimCLR does, is unverified.

    Attributes:
      temperature: temperature of the softmax.
      queue: number of projections in the queue.
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      predictor: width of the predictor's hidden layer.
      norm: normalisation in the heads, "batch", "layer" or "none".
      dtype: dtype in which the heads compute.
    """

    temperature: Positive = 0.1
    queue: Count = 98304
    hidden: Layers = (2048, 2048)
    out: Count = 256
    predictor: Count = 4096
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = (
        "With a Little Help from My Friends: Nearest-Neighbor Contrastive Learning of Visual "
        "Representations"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and predictor."""
        normed = self.norm != "none"
        projector = MLPHead(
            self.hidden,
            self.out,
            norm=self.norm,
            last_norm=normed,
            last_bias=not normed,
            # The predictor's BatchNorm cancels a shift, so its gradient would be rounding errors.
            last_shift=False,
            dtype=self.dtype,
        )
        predictor = MLPHead((self.predictor,), self.out, norm=self.norm, dtype=self.dtype)
        return Siamese(encoder, projector, predictor)

    def init_memory(self, step: Step) -> Memory:
        """A queue of random projections."""
        return {"queue": new_queue(step.key, self.queue, self.out)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """Projections and predictions of both views, each [B, out]."""
        images = interleave_views(views["a"], views["b"])
        (projections, predictions) = step.student(images)
        (za, zb), (pa, pb) = split_views(projections, 2), split_views(predictions, 2)
        outputs = {"projection_a": za, "projection_b": zb, "prediction_a": pa, "prediction_b": pb}
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """InfoNCE between neighbours and predictions, in both directions."""
        rows = step.memory["queue"]["rows"]
        own = jnp.arange(outputs["prediction_a"].shape[0])
        losses = []
        for one, other in (("a", "b"), ("b", "a")):
            neighbours = nearest(outputs[f"projection_{one}"], rows)
            predictions = outputs[f"prediction_{other}"]
            losses.append(
                info_nce(neighbours, predictions, positives=own, temperature=self.temperature)
            )
        return jnp.mean(0.5 * (losses[0] + losses[1])), {}

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Pushes the projections of `a` to the queue."""
        return {"queue": push(step.memory["queue"], l2_normalize(outputs["projection_a"]))}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Projections and predictions; the trivial loss is ln B."""
        a, b = outputs["projection_a"], outputs["projection_b"]
        return Monitored(
            embeddings={"projection": a, "prediction": outputs["prediction_a"]},
            pairs={"views": (a, b)},
            trivial_loss=math.log(a.shape[0]),
        )

    def smoke(self) -> Method:
        """A queue of 64 and heads of width 32."""
        return dataclasses.replace(self, queue=64, hidden=(32, 32), out=16, predictor=32)
