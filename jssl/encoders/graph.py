"""Graph encoder: message-passing layers on padded batches."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jssl.core.ranges import BelowOne, Count, Ranged
from jssl.encoders.features import Features, refuse_masks
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.drop import dropout
from jssl.nn.graph import GraphLayer
from jssl.nn.init import activation
from jssl.nn.norm import layer_norm

POOLS = ("mean", "sum")


class GNN(Ranged, nn.Module):
    """Message passing between a graph's nodes, and their mean or sum.

    A graph is {"nodes": float [B, N, F], "edges": int [B, E, 2] (from, to), "node_mask": bool [B,
    N], "edge_mask": bool [B, E]}; where a mask is False there is padding.

    Attributes:
      kind: "gcn", "gin" or "gat"; see `jssl.nn.graph.GraphLayer`.
      width: size of a node's features.
      depth: number of layers.
      heads: attention heads of "gat".
      pool: "mean" or "sum" of the real nodes, concatenated over all layers (Xu et al., 2019, eq.
        4.2).
      norm: whether each node is normalised after a layer.
      activation: name of the non-linearity after each layer; "prelu" is a ReLU with a learned
        slope for negative values, 0.25 at first, one for each layer.
      dropout: dropout rate of each layer's input, in training only, from the rng "dropout".
      attention_dropout: the same of the attention of "gat".
      dtype: dtype of the matrix products.
    """

    kind: str = "gin"
    width: Count = 64
    depth: Count = 3
    heads: Count = 4
    pool: str = "mean"
    norm: bool = True
    activation: str = "relu"
    dropout: BelowOne = 0.0
    attention_dropout: BelowOne = 0.0
    dtype: str = "float32"

    def conflict(self) -> str | None:
        """Several heads are only possible with "gat"."""
        return super().conflict() if self.kind == "gat" else None

    def smoke(self) -> GNN:
        """A copy with two layers of width 16, for tests."""
        return self.clone(width=16, depth=2, heads=2)

    def patches(self, x: Mapping[str, jax.Array]) -> jax.Array:
        """The content of each token: the features of a node, [B, N, F]."""
        return x["nodes"]

    @nn.compact
    def __call__(
        self,
        x: Mapping[str, jax.Array],
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes graphs.

        Args:
          x: a batch of graphs; see the class.
          mask: bool [B, N]; True replaces a node's features by a learned vector, which is a
            parameter only of modules initialised with a mask.
          keep: must be None.
          train: whether values are dropped.

        Returns:
          Features with pooled [B, depth * width], tokens [B, N, width], zero where there is
          padding, and extras "block0" ....

        Raises:
          UserError: if `keep` is given or a field is unknown.
        """
        refuse_masks("GNN", None, keep)
        if self.pool not in POOLS:
            raise UserError(f"no pooling is called {self.pool!r}: {nearest(self.pool, POOLS)}")
        nodes = x["nodes"].astype(jnp.float32)
        if mask is not None:
            token = self.param("mask_token", nn.initializers.zeros, nodes.shape[-1:], jnp.float32)
            nodes = jnp.where(mask[..., None], token, nodes)
        real = x["node_mask"].astype(jnp.float32)[..., None]
        extras, pooled = {}, []
        for i in range(self.depth):
            if train and self.dropout:
                nodes = dropout(self.make_rng("dropout"), nodes, self.dropout)
            drop = self.attention_dropout if train else 0.0
            layer = GraphLayer(
                self.kind, self.width, self.heads, drop, self.dtype, name=f"layer{i}"
            )
            nodes = layer(nodes, x)
            if self.norm:
                nodes = layer_norm(name=f"norm{i}")(nodes)
            nodes = self._bend(nodes, i) * real
            extras[f"block{i}"] = nodes
            total = jnp.sum(nodes, axis=1)
            if self.pool == "mean":
                total = total / jnp.maximum(jnp.sum(real, axis=1), 1.0)
            pooled.append(total)
        return Features(pooled=jnp.concatenate(pooled, axis=1), tokens=nodes, extras=extras)

    def _bend(self, x: jax.Array, layer: int) -> jax.Array:
        if self.activation == "prelu":
            return nn.PReLU(negative_slope_init=0.25, name=f"prelu{layer}")(x)
        return activation(self.activation)(x)
