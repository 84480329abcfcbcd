"""CLIP: two encoders of two kinds of input, and pairs that find each other in a batch.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.errors import UserError, nearest
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.nn.dense import Dense
from jssl.objectives.contrastive import paired_nce, paired_sigmoid
from jssl.ranges import Count, Positive, Real

LOSSES = ("softmax", "sigmoid")
_HOTTEST = math.log(100.0)  # the largest logarithm of the scale


class Towers(nn.Module):
    """Two encoders with linear maps into one space, and the scale of its cosines.

    Attributes:
      encoder: module `a -> Features`.
      partner: module `b -> Features`.
      out: width of the space.
      scale: the scale at the start.
      bias: the bias at the start; None for no bias.
      dtype: dtype in which the maps compute.
    """

    encoder: nn.Module
    partner: nn.Module
    out: int
    scale: float
    bias: float | None
    dtype: str = "float32"

    def setup(self) -> None:
        """Makes the maps and the two numbers."""
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
        """Embeddings `a` and `b` [B, out], and `scale` and `bias` [B], the same in all rows."""
        rows = jnp.ones(a.shape[0], jnp.float32)
        scale = jnp.exp(jnp.minimum(self.log_scale, _HOTTEST))
        found = {"a": self.a(a, train=train), "b": self.b(b, train=train), "scale": scale * rows}
        return found if self.bias is None else {**found, "bias": self.offset * rows}


@dataclasses.dataclass(frozen=True)
class CLIP(Method):
    """InfoNCE in both directions with a learnt temperature, or the sigmoid loss of SigLIP.

    Equation: softmax: L_i = -(1/2) [log softmax_j(t a_i.b_j)_i + log softmax_j(t a_j.b_i)_i];
    sigmoid: L_i = -sum over j of log sigmoid(s_ij (t a_i.b_j + c)), s_ii = 1 and -1 elsewhere.
    The scale t and the bias c are learnt; a and b are unit vectors.

    Views: `a`, which the experiment's encoder sees, and `b`, which `partner` sees, such as images
    and their captions; row i of both is a pair.

    Remembers: nothing.

    Collapse: held off by the negatives, all other pairs of the batch; equal captions in one batch
    are wrong negatives.

    Defaults are the papers': temperature 0.07 at the start, the scale at most 100 (CLIP, section
    2.5); with the sigmoid loss Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023,
    start from temperature 0.1 and bias -10 (section 3.2).

    Differs from the authors' code: the scale is clipped where it is used, not after each update;
    poolings are those of the encoders.

    Attributes:
      partner: encoder of view `b`.
      loss: "softmax" or "sigmoid".
      temperature: at the start.
      bias: of the sigmoid loss at the start.
      out: width of the common space.
      dtype: dtype in which the maps into it compute.
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
        # Each row carries the same number: the mean is that number, and shares its gradient out.
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
