"""Shared part of this family: two views through an encoder and a wide projector."""

from __future__ import annotations

import dataclasses
from typing import Self

import jax

from jssl.core.ranges import Count, Layers
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Outputs, Step, Views
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead


@dataclasses.dataclass(frozen=True)
class Twins(Method):
    """Views `a` and `b`, each [B, ...], passed through the net one after the other; no memory.

    Attributes:
      hidden: widths of the projector's hidden layers.
      out: width of the embedding.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the projector computes.
    """

    hidden: Layers = (8192, 8192)
    out: Count = 8192
    norm: str = "batch"
    dtype: str = "float32"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and projector."""
        head = MLPHead(self.hidden, self.out, norm=self.norm, last_bias=False, dtype=self.dtype)
        return Siamese(encoder, head)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Embeddings of both views: `a` and `b`, each [B, out]."""
        outputs = {}
        for name, key in zip(("a", "b"), jax.random.split(step.key), strict=True):
            (outputs[name], _) = step.student(views[name], key=key)
        return outputs

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of both views."""
        pair = (outputs["a"], outputs["b"])
        return Monitored(embeddings={"embedding": pair[0]}, pairs={"views": pair})

    def smoke(self) -> Self:
        """A projector of width 16."""
        return dataclasses.replace(self, hidden=(16,) * len(self.hidden), out=16)
