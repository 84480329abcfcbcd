"""Masked language modelling: hide symbols of a sequence, say which they were.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
2019.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.clock import Clock
from jssl.methods.base import (
    Memory,
    Method,
    Metrics,
    Outputs,
    Tree,
    Views,
    apply,
    the_input,
)
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.classification import cross_entropy
from jssl.objectives.masked import masked_mean


@dataclasses.dataclass(frozen=True)
class MaskedLM(Method):
    """Cross-entropy of the hidden symbols (section 3.1, task 1).

    The encoder sees all places, with a learned vector at the hidden ones; a linear layer scores
    each symbol of the vocabulary.

    Equation: L = mean over hidden places i of -log softmax(h(f(x, mask))_i)[x_i].

    Views: one sequence int [B, N] and `mask` {"mask" bool [B, N]}, True where hidden.

    Remembers: nothing.

    Collapse: not in the way of joint embeddings; the failure is a head that says how common each
    symbol is.

    Defaults are the paper's: 15 % of the symbols are hidden, which is set in the views.

    Differs from the authors' code: a hidden symbol is never left as it is or replaced by another
    one; there is no task of the next sentence, and the head is one linear layer.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    paper: ClassVar[str] = (
        "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding"
    )
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, encoder.vocabulary, dtype=self.dtype)

    def init(self, net: nn.Module, rng: jax.Array, views: Views) -> Tree:
        """Variables of the net, the mask token among them."""
        keys = {"params": rng, "dropout": rng}
        return net.init(keys, the_input(views), mask=views["mask"]["mask"], train=True)

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
        """`logits` [B, N, V], `symbol` int [B, N], `mask` [B, N] and the pooled `embedding`."""
        x, mask = the_input(views), views["mask"]["mask"]
        (pooled, logits), stats = apply(net, params, stats, x, mask=mask, rng=rng)
        return {"logits": logits, "symbol": x, "mask": mask, "embedding": pooled}, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Cross-entropy of the hidden symbols, averaged over the batch."""
        error = cross_entropy(outputs["logits"], outputs["symbol"])
        return jnp.mean(masked_mean(error, outputs["mask"])), (memory, {})
