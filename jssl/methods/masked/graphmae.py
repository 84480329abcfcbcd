"""GraphMAE: mask node features and reconstruct them, with re-masking before the decoder.

Hou et al., "GraphMAE: Self-Supervised Masked Graph Autoencoders", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import AtLeastOne, BelowOne
from jssl.health.alarm import Monitored
from jssl.methods.base import Outputs, Spec, Step
from jssl.methods.masked_parts import Mask, Seen
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.drop import dropout
from jssl.nn.graph import GraphLayer, look_up
from jssl.objectives.masked import masked_scaled_cosine


class GraphAutoencoder(nn.Module):
    """An encoder of graphs with masked nodes and a decoder of one message-passing layer.

    Attributes:
      encoder: module that can mask nodes.
      kind: kind of the decoder's layer.
      dropout: dropout rate of the decoder's input in training.
      attention_dropout: dropout rate of the attention weights of a "gat" decoder.
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
        """Maps a graph and a mask of its nodes to (pooled, predictions [B, N, F]).

        Args:
          x: the graph.
          mask: bool [B, N], masked nodes.
          shown: int [B, N], the node whose features the encoder sees at each node; -1 for none.
          train: whether to apply dropout.
        """
        seen = {**x, "nodes": look_up(x["nodes"], jnp.maximum(shown, 0))}
        features = self.encoder(seen, mask=shown < 0, train=train)
        tokens, size = features.tokens, x["nodes"].shape[-1]
        hidden = Dense(tokens.shape[-1], use_bias=False, dtype=self.dtype, name="bridge")(tokens)
        hidden = jnp.where(mask[..., None], 0.0, hidden)  # re-masking
        if train and self.dropout:
            hidden = dropout(self.make_rng("dropout"), hidden, self.dropout)
        drop = self.attention_dropout if train else 0.0
        decoder = GraphLayer(self.kind, size, 1, drop, self.dtype, name="decoder")
        return features.pooled, decoder(hidden, x)


@dataclasses.dataclass(frozen=True)
class GraphMAE(MaskedPrediction):
    """Scaled cosine error of the masked nodes' features (section 3.2).

    The encoder sees the whole graph. The features of masked nodes are replaced by a learned vector
    or, for a few nodes, by another node's features. The encoder's outputs at masked nodes are set
    to zero before the one-layer decoder, which reconstructs them from their neighbours.

    Equation: L = mean over masked nodes of (1 - cos(x, z))^gamma, where z is the reconstruction of
    x.

    Views: one graph [B, ...] and `mask` {"mask" bool [B, N], True where masked; "shown" int [B, N],
    the node whose features are shown there, -1 for none} (`jssl.augmentations.graphs.node_mask`).

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the mean
    features. The power gamma reduces the weight of easy nodes in the loss.

    Defaults: gamma from the paper for Cora, and no dropout; the other settings for Cora are in
    `experiments/graph/graphmae_cora.py`.

    Differs from the authors' code: the initial attention weights are larger by sqrt(2) in theirs;
    here the substituted nodes are drawn with replacement.

    Attributes:
      gamma: exponent of the error, at least 1.
      decoder: kind of the decoder's layer, "gcn", "gin" or "gat".
      dropout: dropout rate of the decoder's input.
      attention_dropout: dropout rate of the attention weights of a "gat" decoder.
      dtype: dtype of the decoder's matrix products.
    """

    gamma: AtLeastOne = 3.0
    decoder: str = "gcn"
    dropout: BelowOne = 0.0
    attention_dropout: BelowOne = 0.0
    dtype: str = "float32"

    # The slope of a PReLU has one gradient, a sum over all nodes that nearly cancels.
    tolerance_factor: ClassVar[float] = 5.0
    views: ClassVar[Spec] = Spec.single() + Spec.mask("mask", "shown")
    paper: ClassVar[str] = "GraphMAE: Self-Supervised Masked Graph Autoencoders"
    scale_invariant: ClassVar[tuple[str, ...]] = ("prediction",)
    # Only masked nodes have a loss, and there the self term of "gin" and "gat" is zero.
    unused_params: ClassVar[tuple[str, ...]] = ("decoder/epsilon", "decoder/attend_to")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder."""
        return GraphAutoencoder(
            encoder, self.decoder, self.dropout, self.attention_dropout, self.dtype
        )

    def corruption(self, encoder: nn.Module, x: Any, mask: Mask) -> Seen:
        """The graph, the mask, and the node whose features are shown at each node."""
        return Seen((x, mask["mask"], mask["shown"]), {})

    def error(self, prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
        """Scaled cosine error of each graph's masked nodes: [B]."""
        return masked_scaled_cosine(prediction, target, mask, gamma=self.gamma)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The graphs' features; the cosine error does not constrain the reconstruction's norm."""
        return Monitored(embeddings={"embedding": outputs["embedding"]})
