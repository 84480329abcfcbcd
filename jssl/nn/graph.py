"""Message passing on padded batches of graphs; padding does not change the result."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jssl.core.ranges import BelowOne, Count, Ranged
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.drop import dropout
from jssl.nn.init import activation
from jssl.nn.norm import layer_norm

KINDS = ("gcn", "gin", "gat")
Graph = Mapping[str, jax.Array]


def collect(messages: jax.Array, targets: jax.Array, nodes: int) -> jax.Array:
    """Sums messages at their target nodes.

    Args:
      messages: [B, E, ...], zero where an edge is padding.
      targets: int [B, E].
      nodes: N.

    Returns:
      [B, N, ...].
    """

    def one(messages: jax.Array, targets: jax.Array) -> jax.Array:
        return jax.ops.segment_sum(messages, targets, num_segments=nodes)

    return jax.vmap(one)(messages, targets)


def look_up(values: jax.Array, indices: jax.Array) -> jax.Array:
    """values [B, N, ...] at indices int [B, E]: [B, E, ...]."""
    return jax.vmap(lambda value, place: value[place])(values, indices)


def degrees(graph: Graph) -> jax.Array:
    """Number of edges that end at each node, float32 [B, N]."""
    real = graph["edge_mask"].astype(jnp.float32)
    return collect(real, graph["edges"][..., 1], graph["nodes"].shape[1])


class GraphLayer(Ranged, nn.Module):
    """One step of message passing: "gcn", "gin" or "gat".

    - gcn (Kipf & Welling, 2017, eq. 2): neighbours and the node itself, weighted by 1 / sqrt of
      both degrees, after a linear map.
    - gin (Xu et al., 2019, eq. 4.1): an MLP of the node times (1 + learned) plus the sum of its
      neighbours.
    - gat (Velickovic et al., 2018, eqs. 1 to 6): neighbours and the node itself, weighted by
      learned attention, heads side by side.

    Attributes:
      kind: which.
      features: size of the result.
      heads: of "gat"; must divide `features`.
      attention_dropout: rate at which "gat" drops its weights, from the rng "dropout"; 0 for none,
        as in evaluation.
      dtype: dtype of the matrix products.
    """

    kind: str
    features: Count
    heads: Count = 4
    attention_dropout: BelowOne = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array, graph: Graph) -> jax.Array:
        """Maps nodes [B, N, D] to [B, N, features].

        Args:
          x: values of the nodes.
          graph: "edges" int [B, E, 2], from and to, each direction by itself; "edge_mask" bool [B,
            E]; "nodes" and "node_mask" for their number.
        """
        if self.kind not in KINDS:
            raise UserError(f"no graph layer is called {self.kind!r}: {nearest(self.kind, KINDS)}")
        source, target = graph["edges"][..., 0], graph["edges"][..., 1]
        real = graph["edge_mask"].astype(jnp.float32)
        count = x.shape[1]
        if self.kind == "gcn":
            dense = Dense(self.features, use_bias=False, dtype=self.dtype, name="dense")
            scale = jax.lax.rsqrt(degrees(graph) + 1.0)
            weight = real * look_up(scale, source)
            # Map and sum commute: messages are sent where they are narrower.
            first = self.features <= x.shape[-1]
            x = dense(x) if first else x
            near = collect(look_up(x, source) * weight[..., None], target, count)
            y = (near + x * scale[..., None]) * scale[..., None]
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
            return (y if first else dense(y)) + bias
        if self.kind == "gin":
            more = self.param("epsilon", nn.initializers.zeros, (), jnp.float32)
            near = collect(look_up(x, source) * real[..., None], target, count)
            y = (1.0 + more) * x + near
            y = Dense(self.features, dtype=self.dtype, name="dense0")(y)
            y = activation("relu")(layer_norm(name="norm")(y))
            return Dense(self.features, dtype=self.dtype, name="dense1")(y)
        return self._attend(x, source, target, real)

    def _attend(
        self, x: jax.Array, source: jax.Array, target: jax.Array, real: jax.Array
    ) -> jax.Array:
        batch, count = x.shape[:2]
        if self.features % self.heads:
            raise UserError(f"{self.heads} heads do not divide a width of {self.features}")
        size = self.features // self.heads
        x = Dense(self.features, use_bias=False, dtype=self.dtype, name="dense")(x)
        x = x.reshape(batch, count, self.heads, size)
        start = nn.initializers.xavier_normal()
        own, other = (
            jnp.sum(x * self.param(name, start, (self.heads, size), jnp.float32), axis=-1)
            for name in ("attend_to", "attend_from")
        )  # [B, N, heads]
        # The softmax over the neighbours and the node itself; scores are bounded for safety.
        edge = jax.nn.leaky_relu(look_up(own, target) + look_up(other, source), 0.2)
        itself = jax.nn.leaky_relu(own + other, 0.2)
        edge, itself = (jnp.exp(jnp.clip(score, -30.0, 30.0)) for score in (edge, itself))
        edge = edge * real[..., None]
        total = collect(edge, target, count) + itself
        if self.attention_dropout:
            first, second = jax.random.split(self.make_rng("dropout"))
            edge = dropout(first, edge, self.attention_dropout)
            itself = dropout(second, itself, self.attention_dropout)
        near = collect(look_up(x, source) * edge[..., None], target, count)
        y = (near + x * itself[..., None]) / total[..., None]
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y.reshape(batch, count, self.features) + bias
