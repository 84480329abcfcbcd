"""CLIP: contrastive learning of two encoders on paired inputs of two kinds.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Positive, Real
from jssl.errors import UserError, nearest
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.objectives.contrastive import paired_nce, paired_sigmoid

LOSSES = ("softmax", "sigmoid")
_HOTTEST = math.log(100.0)  # upper limit of the logarithm of the scale


class Towers(nn.Module):
    """Two encoders, linear maps into a joint space, and the learned scale of the cosines.

    Attributes:
      encoder: module that maps view `a` to `Features`.
      partner: module that maps view `b` to `Features`.
      out: width of the joint space.
      scale: initial scale of the cosines.
      bias: initial bias; None for no bias.
      dtype: dtype in which the maps compute.
    """

    encoder: nn.Module
    partner: nn.Module
    out: int
    scale: float
    bias: float | None
    dtype: str = "float32"

    def setup(self) -> None:
        """Creates the maps, the scale and the bias."""
        self.map_a = Dense(self.out, use_bias=False, dtype=self.dtype)
        self.map_b = Dense(self.out, use_bias=False, dtype=self.dtype)
        start = nn.initializers.constant(math.log(self.scale))
        self.log_scale = self.param("log_scale", start, (), jnp.float32)
        if self.bias is not None:
            start = nn.initializers.constant(self.bias)
            self.offset = self.param("offset", start, (), jnp.float32)

    def a(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Embeds inputs of the first kind: [B, ...] -> [B, out]."""
        return self.map_a(self.encoder(x, train=train).pooled)

    def b(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Embeds inputs of the second kind: [B, ...] -> [B, out]."""
        return self.map_b(self.partner(x, train=train).pooled)

    def __call__(self, a: jax.Array, b: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Embeddings `a` and `b` [B, out], and `scale` and `bias` [B], equal in all rows."""
        rows = jnp.ones(a.shape[0], jnp.float32)
        scale = jnp.exp(jnp.minimum(self.log_scale, _HOTTEST))
        found = {"a": self.a(a, train=train), "b": self.b(b, train=train), "scale": scale * rows}
        return found if self.bias is None else {**found, "bias": self.offset * rows}


@dataclasses.dataclass(frozen=True)
class CLIP(Method):
    """InfoNCE in both directions with a learned temperature, or the sigmoid loss of SigLIP.

    Equation: L_i (softmax) = -(1/2) [log softmax_j(t a_i.b_j)_i + log softmax_j(t a_j.b_i)_i]; L_i
    (sigmoid) = -sum over j of log sigmoid(s_ij (t a_i.b_j + c)), where s_ij is 1 for i = j and -1
    otherwise, the scale t and the bias c are learned, and a and b are unit vectors.

    Views: `a`, the input of the experiment's encoder, and `b`, the input of `partner`, such as
    images and their captions. Row i of `a` and row i of `b` form a pair.

    Remembers: nothing.

    Collapse: prevented by the negatives, which are all other pairs of the batch. Equal captions in
    one batch are false negatives.

    Defaults: from the papers: initial temperature 0.07, scale at most 100 (CLIP, section 2.5). With
    the sigmoid loss, Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023, start from
    temperature 0.1 and bias -10 (section 3.2).

    Differs from the authors' code: the scale is clipped where it is used, not after each update;
    pooling is left to the encoders.

    Attributes:
      partner: encoder of view `b`.
      loss: kind of the loss, "softmax" or "sigmoid".
      temperature: initial temperature.
      bias: initial bias of the sigmoid loss.
      out: width of the joint space.
      dtype: dtype in which the maps into the joint space compute.
    """

    partner: nn.Module = dataclasses.field(kw_only=True)
    loss: str = "softmax"
    temperature: Positive = 0.07
    bias: Real = -10.0
    out: Count = 128
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "Learning Transferable Visual Models From Natural Language Supervision"
    scale_invariant: ClassVar[tuple[str, ...]] = ("a", "b")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Both encoders with their maps."""
        if self.loss not in LOSSES:
            raise UserError(
                f"no loss of pairs is called {self.loss!r}: {nearest(self.loss, LOSSES)}"
            )
        bias = self.bias if self.loss == "sigmoid" else None
        scale = 1.0 / self.temperature
        return Towers(encoder, self.partner, self.out, scale, bias, dtype=self.dtype)

    def inputs(self, views: Views) -> tuple[jax.Array, ...]:
        """Both views."""
        return views["a"], views["b"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """Embeddings `a` and `b` [B, out]; `scale` and, with the sigmoid loss, `bias` [B]."""
        return step.student(views["a"], views["b"])

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The loss of all pairs of the global batch."""
        # All rows are equal: the mean has their value and distributes the gradient over them.
        scale = jnp.mean(outputs["scale"].astype(jnp.float32))
        if self.loss == "sigmoid":
            bias = jnp.mean(outputs["bias"].astype(jnp.float32))
            loss = paired_sigmoid(outputs["a"], outputs["b"], scale=scale, bias=bias)
        else:
            loss = paired_nce(outputs["a"], outputs["b"], scale=scale)
        return jnp.mean(loss), {"scale": scale}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of both kinds; the trivial loss of the softmax is ln B."""
        a, b = outputs["a"], outputs["b"]
        return Monitored(
            embeddings={"a": a, "b": b},
            trivial_loss=math.log(a.shape[0]) if self.loss == "softmax" else None,
        )

    def towers(self, step: Step) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """Both encoders with their maps, in evaluation mode."""
        return {
            "a": lambda x: step.predict(x, method=Towers.a),
            "b": lambda x: step.predict(x, method=Towers.b),
        }

    def smoke(self) -> Method:
        """A small partner and a space of width 16."""
        return dataclasses.replace(self, partner=self.partner.smoke(), out=16)
