"""GraphMAE: hide the features of nodes, reconstruct them from the graph, hidden once more.

Hou et al., "GraphMAE: Self-Supervised Masked Graph Autoencoders", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import (
    Memory,
    Outputs,
    Tree,
    Views,
    apply,
    the_input,
)
from jssl.methods.reconstruction import HiddenPatches
from jssl.nn.dense import Dense
from jssl.nn.graph import GraphLayer
from jssl.objectives.masked import masked_scaled_cosine


class GraphAutoencoder(nn.Module):
    """An encoder of graphs with hidden nodes and a decoder of one layer of message passing.

    Attributes:
      encoder: module that can hide nodes.
      kind: of the decoder's layer.
      dtype: dtype of the decoder's matrix products.
    """

    encoder: nn.Module
    kind: str
    dtype: str

    @nn.compact
    def __call__(self, x: Any, mask: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps a graph and mask bool [B, N] to (pooled, predictions [B, N, F])."""
        features = self.encoder(x, mask=mask, train=train)
        size = self.encoder.patches(x).shape[-1]
        tokens = features.tokens
        hidden = Dense(tokens.shape[-1], use_bias=False, dtype=self.dtype, name="bridge")(tokens)
        hidden = jnp.where(mask[..., None], 0.0, hidden)  # hidden once more
        return features.pooled, GraphLayer(self.kind, size, 1, self.dtype, name="decoder")(
            hidden, x
        )


@dataclasses.dataclass(frozen=True)
class GraphMAE(HiddenPatches):
    """Scaled cosine error of the hidden nodes' features (section 3.2).

    The encoder sees the whole graph, with a learned vector for the features of hidden nodes; its
    results at those are set to zero before a decoder of one layer, so that they are told from
    their neighbours'.

    Equation: L = mean over hidden nodes of (1 - cos(x, z))^gamma, z the reconstruction of x.

    Views: one graph [B, ...] and `mask` {"mask" bool [B, N]}, True where hidden.

    Remembers: nothing.

    Collapse: not in the way of joint embeddings; the failure is a decoder that predicts the mean
    features. The power gamma is to keep easy nodes from filling the loss.

    Defaults are the paper's for Cora (appendix A.2: gamma 3, half of the nodes hidden, set in the
    views; two layers of attention of width 512, Adam at 0.001, weight decay 2e-4, 1500 epochs).

    Differs from the authors' code: it also leaves 5 % of the hidden nodes another node's features
    instead of the learned vector, drops features and attention, and has PReLU for a non-linearity.

    Attributes:
      gamma: power of the error, at least 1.
      decoder: kind of the decoder's layer, "gcn", "gin" or "gat".
      dtype: dtype of the decoder's matrix products.
    """

    gamma: float = 3.0
    decoder: str = "gcn"
    dtype: str = "float32"

    paper: ClassVar[str] = "GraphMAE: Self-Supervised Masked Graph Autoencoders"
    scale_invariant: ClassVar[tuple[str, ...]] = ("prediction",)
    # What a layer "gin" has of the node itself is zero at hidden nodes, and only they have a loss.
    unreached: ClassVar[tuple[str, ...]] = ("decoder/epsilon",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder."""
        return GraphAutoencoder(encoder, self.decoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return the_input(views), views["mask"]["mask"]

    def forward(
        self,
        net: nn.Module,
        params: Tree,
        stats: Tree,
        memory: Memory,
        views: Views,
        *,
        rng: jax.Array,
        clock: Clock,
    ) -> tuple[Outputs, Tree]:
        """`prediction` and `target` [B, N, F], `mask` [B, N] and the pooled `embedding`."""
        x, mask = self.inputs(views)
        (pooled, prediction), stats = apply(net, params, stats, x, mask, rng=rng)
        outputs = {"prediction": prediction, "target": net.encoder.patches(x), "mask": mask}
        return {**outputs, "embedding": pooled}, stats

    def error(self, prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
        """Scaled cosine error of each graph's hidden nodes: [B]."""
        return masked_scaled_cosine(prediction, target, mask, gamma=self.gamma)

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """The graphs' features; a cosine leaves the reconstruction's size open."""
        return Monitored(embeddings={"embedding": outputs["embedding"]})
