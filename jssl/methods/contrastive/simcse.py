"""SimCSE: one example twice through a net with dropout makes the two views.

Gao et al., "SimCSE: Simple Contrastive Learning of Sentence Embeddings", 2021.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.siamese import Siamese, interleave_views, split_views
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import info_nce
from jssl.ranges import Count, Positive


@dataclasses.dataclass(frozen=True)
class SimCSE(Method):
    """Each example finds its own second pass among those of the batch (the paper's eq. 4).

    Equation: L_i = -log(exp(z_i.z'_i / T) / sum over k of exp(z_i.z'_k / T)), z and z' unit vectors
    of the same batch under two draws of dropout.

    Views: one input [B, ...]; the encoder needs dropout, which is all that tells z from z'.

    Remembers: nothing.

    Collapse: held off by the negatives. Without dropout both passes are one, and the loss only
    spreads examples.

    Defaults are the paper's for its unsupervised models (section 3 and appendix A: temperature
    0.05, dropout 0.1, batch 64, one epoch, learning rate 3e-5 from a pre-trained BERT).

    Differs from the authors' code: dropout stands at the end of each residual branch alone, not on
    attention weights and embeddings; the pooling is the encoder's; training may start from random
    weights, which the paper does not do.

    Attributes:
      temperature: of the softmax.
      out: width of the layer with tanh after the pooling, which evaluation does not see.
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
        """InfoNCE of the first passes among the second ones, over the global batch."""
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
