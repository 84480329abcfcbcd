"""Random token substitution: predict for each token whether it was replaced by a random one.

Di Liello, "Structural Self-Supervised Objectives for Transformers", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.classification import binary_cross_entropy
from jssl.objectives.masked import masked_mean


@dataclasses.dataclass(frozen=True)
class RTS(Method):
    """Binary cross-entropy of "replaced" for every token that is not padding.

    Equation: L = mean over real positions i of BCE(h(f(x'))_i, m_i), where x' is x where m = 0 and
    random symbols where m = 1.

    Views: one sequence int [B, N], 0 for padding, and `mask` {"mask" bool [B, N], "symbols" int [B,
    N]}: where symbols are replaced, and by which.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the
    frequency of replaced tokens.

    Differs from the paper: the published variant with clusters (C-RTS) draws symbols that are hard
    to tell from the original; here the view decides (`jssl.augmentations.text.swap_mask`): the
    paper draws from the whole vocabulary, which needs `vocabulary`; without it the view draws from
    the sequence's own symbols, as swapped language modelling does.

    Unverified: the fraction of replaced tokens (0.15) and that the head is one linear layer.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask("mask", "symbols")
    paper: ClassVar[str] = "Structural Self-Supervised Objectives for Transformers"
    partial: ClassVar[str] = (
        "C-RTS, which draws substitutes by clusters of embeddings, and the thesis' second "
        "part, tasks about spans of a paragraph or document, are missing."
    )
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, 1, dtype=self.dtype)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, N], `exchanged` and `real` [B, N] and the pooled `embedding` [B, D]."""
        x, mask = the_input(views), views["mask"]["mask"]
        mixed = jnp.where(mask, views["mask"]["symbols"], x)
        (pooled, logits) = step.student(mixed)
        outputs = {"logits": logits[..., 0], "exchanged": mask, "real": x != 0}
        return {**outputs, "embedding": pooled}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Binary cross-entropy of the real tokens, averaged over the batch."""
        logits, exchanged = outputs["logits"], outputs["exchanged"]
        error = binary_cross_entropy(logits, exchanged)
        right = masked_mean((logits > 0) == exchanged, outputs["real"])
        loss = jnp.mean(masked_mean(error, outputs["real"]))
        return loss, {"accuracy": jnp.mean(right)}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The pooled features, of which only the spread is monitored."""
        return Monitored(features={"embedding": outputs["embedding"]})
