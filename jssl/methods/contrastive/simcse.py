"""SimCSE: two passes of one example through a net with dropout are its two views.

Gao et al., "SimCSE: Simple Contrastive Learning of Sentence Embeddings", 2021.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Positive
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.siamese import Siamese, interleave_views, split_views
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import info_nce


@dataclasses.dataclass(frozen=True)
class SimCSE(Method):
    """InfoNCE between the two passes of each example, over the batch (the paper's eq. 4).

    Equation: L_i = -log(exp(z_i.z'_i / T) / sum over k of exp(z_i.z'_k / T)), where z and z' are
    unit vectors of the same batch under two draws of dropout.

    Views: one input [B, ...]; the encoder needs dropout, the only difference between z and z'.

    Remembers: nothing.

    Collapse: prevented by the negatives. Without dropout the two passes are equal, and the loss
    only spreads the examples apart.

    Defaults: from the paper for its unsupervised models (section 3 and appendix A: temperature
    0.05, dropout 0.1, batch 64, one epoch, learning rate 3e-5 from a pre-trained BERT).

    Differs from the authors' code: dropout is applied only at the end of each residual branch, not
    to attention weights and embeddings; pooling is left to the encoder; training may start from
    random weights, whereas the paper starts from a pre-trained model.

    Attributes:
      temperature: temperature of the softmax.
      out: width of the tanh layer after the pooling, which evaluation does not use.
      dtype: dtype in which that layer computes.
    """

    temperature: Positive = 0.05
    out: Count = 128
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single()
    paper: ClassVar[str] = "SimCSE: Simple Contrastive Learning of Sentence Embeddings"
    scale_invariant: ClassVar[tuple[str, ...]] = ("a", "b")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and a linear layer."""
        return Siamese(encoder, MLPHead((), self.out, norm="none", dtype=self.dtype))

    def forward(self, step: Step, views: Views) -> Outputs:
        """Two passes over the input: `a` and `b`, each [B, out]."""
        x = the_input(views)
        (projections, _) = step.student(interleave_views(x, x))
        a, b = split_views(jnp.tanh(projections), 2)
        return {"a": a, "b": b}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """InfoNCE of the first passes against the second ones, over the global batch."""
        a, b = outputs["a"], outputs["b"]
        own = jnp.arange(a.shape[0])
        loss = info_nce(a, b, positives=own, temperature=self.temperature)
        return jnp.mean(loss), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Both passes; the trivial loss is ln B."""
        a, b = outputs["a"], outputs["b"]
        return Monitored(
            embeddings={"projection": a},
            pairs={"passes": (a, b)},
            trivial_loss=math.log(a.shape[0]),
        )

    def smoke(self) -> Method:
        """A layer of width 16."""
        return dataclasses.replace(self, out=16)
