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
from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.reconstruction import HiddenPatches
from jssl.nn.dense import Dense
from jssl.nn.drop import dropout
from jssl.nn.graph import GraphLayer, look_up
from jssl.objectives.masked import masked_scaled_cosine
from jssl.ranges import AtLeastOne, BelowOne


class GraphAutoencoder(nn.Module):
    """An encoder of graphs with hidden nodes and a decoder of one layer of message passing.

    Attributes:
      encoder: module that can hide nodes.
      kind: of the decoder's layer.
      dropout: rate of dropout of what goes into the decoder, in training.
      attention_dropout: the same of the attention of a decoder "gat".
      dtype: dtype of the decoder's matrix products.
    """

    encoder: nn.Module
    kind: str
    dropout: float
    attention_dropout: float
    dtype: str

    @nn.compact
    def __call__(
        self, x: Any, mask: jax.Array, shown: jax.Array, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        """Maps a graph and views of its nodes to (pooled, predictions [B, N, F]).

        Args:
          x: the graph.
          mask: bool [B, N], hidden nodes.
          shown: int [B, N], whose features the encoder sees at each node; -1 for nobody's.
          train: whether values are dropped.
        """
        seen = {**x, "nodes": look_up(x["nodes"], jnp.maximum(shown, 0))}
        features = self.encoder(seen, mask=shown < 0, train=train)
        tokens, size = features.tokens, x["nodes"].shape[-1]
        hidden = Dense(tokens.shape[-1], use_bias=False, dtype=self.dtype, name="bridge")(tokens)
        hidden = jnp.where(mask[..., None], 0.0, hidden)  # hidden once more
        if train and self.dropout:
            hidden = dropout(self.make_rng("dropout"), hidden, self.dropout)
        drop = self.attention_dropout if train else 0.0
        decoder = GraphLayer(self.kind, size, 1, drop, self.dtype, name="decoder")
        return features.pooled, decoder(hidden, x)


@dataclasses.dataclass(frozen=True)
class GraphMAE(HiddenPatches):
    """Scaled cosine error of the hidden nodes' features (section 3.2).

    The encoder sees the whole graph, with a learned vector for the features of hidden nodes, or
    another node's for a few; its results at those are set to zero before a decoder of one layer,
    so that they are told from their neighbours'.

    Equation: L = mean over hidden nodes of (1 - cos(x, z))^gamma, z the reconstruction of x.

    Views: one graph [B, ...] and `mask` {"mask" bool [B, N], True where hidden; "shown" int
    [B, N], whose features are seen there, -1 for nobody's}
    (`jssl.augmentations.graphs.node_mask`).

    Remembers: nothing.

    Collapse: not in the way of joint embeddings; the failure is a decoder that predicts the mean
    features. The power gamma is to keep easy nodes from filling the loss.

    Defaults are the paper's gamma for Cora and no dropout; what else is chosen for Cora is in
    `experiments/graph/graphmae_cora.py`.

    Differs from the authors' code: its attention starts with weights sqrt(2) larger, and another
    node's features are drawn with replacement.

    Attributes:
      gamma: power of the error, at least 1.
      decoder: kind of the decoder's layer, "gcn", "gin" or "gat".
      dropout: rate of dropout of what goes into the decoder.
      attention_dropout: the same of the attention of a decoder "gat".
      dtype: dtype of the decoder's matrix products.
    """

    gamma: AtLeastOne = 3.0
    decoder: str = "gcn"
    dropout: BelowOne = 0.0
    attention_dropout: BelowOne = 0.0
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask("mask", "shown")
    paper: ClassVar[str] = "GraphMAE: Self-Supervised Masked Graph Autoencoders"
    scale_invariant: ClassVar[tuple[str, ...]] = ("prediction",)
    # Only hidden nodes have a loss, and what "gin" and "gat" have of the node itself is zero there.
    unreached: ClassVar[tuple[str, ...]] = ("decoder/epsilon", "decoder/attend_to")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder."""
        return GraphAutoencoder(
            encoder, self.decoder, self.dropout, self.attention_dropout, self.dtype
        )

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return the_input(views), views["mask"]["mask"], views["mask"]["shown"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, N, F], `mask` [B, N] and the pooled `embedding`."""
        x, mask, shown = self.inputs(views)
        (pooled, prediction) = step.student(x, mask, shown)
        outputs = {"prediction": prediction, "target": step.net.encoder.patches(x), "mask": mask}
        return {**outputs, "embedding": pooled}

    def error(self, prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
        """Scaled cosine error of each graph's hidden nodes: [B]."""
        return masked_scaled_cosine(prediction, target, mask, gamma=self.gamma)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The graphs' features; a cosine leaves the reconstruction's size open."""
        return Monitored(embeddings={"embedding": outputs["embedding"]})
