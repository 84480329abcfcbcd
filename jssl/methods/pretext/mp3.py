"""MP3: tell the position of every patch, from patches without positions of which few are context.

Zhai et al., "Position Prediction as an Effective Pretraining Strategy", 2022.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.errors import UserError
from jssl.methods.base import Memory, Method, Metrics, Outputs, Tree, Views, apply
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.classification import accuracy, cross_entropy


@dataclasses.dataclass(frozen=True)
class MP3(Method):
    """Cross-entropy of each token's position among all N (section 3).

    In every layer all tokens attend, but to the context alone, so most patches are placed without
    the help of their neighbours. The encoder must have no position embeddings; a linear layer
    classifies.

    Equation: L = mean over tokens i of -log softmax(h(f(x)_i))[i].

    Views: `image` [B, ...] and `mask` {"mask" bool [B, N]}, False for the context.

    Remembers: nothing.

    Collapse: impossible, since a constant feature costs ln N.

    Defaults: a linear head as in the paper; the share of context is set in the views and it, the
    optimizer and the schedule are unverified.

    Differs from the paper: frozen features are evaluated without position embeddings, where the
    paper adds them for fine-tuning.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    paper: ClassVar[str] = "Position Prediction as an Effective Pretraining Strategy"
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head; positions in the encoder would give the answer away."""
        if getattr(encoder, "positions", "none") != "none":
            raise UserError(
                "MP3 needs an encoder without positions: set positions='none', not "
                f"{encoder.positions!r}"
            )
        return TokenPredictor(encoder, "positions", dtype=self.dtype)

    def init(self, net: nn.Module, rng: jax.Array, views: Views) -> Tree:
        """Variables of the net."""
        return net.init({"params": rng, "dropout": rng}, views["image"], train=True)

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
        """`logits` [B, N, N] and the pooled `embedding`."""
        context = ~views["mask"]["mask"]
        (pooled, logits), stats = apply(
            net, params, stats, views["image"], context=context, rng=rng
        )
        return {"logits": logits, "embedding": pooled}, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Cross-entropy averaged over tokens and the batch; ln N for a constant feature."""
        logits = outputs["logits"]
        places = jnp.broadcast_to(jnp.arange(logits.shape[1]), logits.shape[:2])
        metrics = {"accuracy": jnp.mean(accuracy(logits, places))}
        return jnp.mean(cross_entropy(logits, places)), (memory, metrics)

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """Features, and the loss of a constant one, ln N."""
        embeddings = {"embedding": outputs["embedding"]}
        return Monitored(embeddings=embeddings, trivial_loss=math.log(outputs["logits"].shape[-1]))
