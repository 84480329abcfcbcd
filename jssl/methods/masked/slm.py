"""Swapped language modelling: say what stood where a random symbol was put.

Di Liello, "Structural Self-Supervised Objectives for Transformers", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.hidden_symbols import HiddenSymbols


@dataclasses.dataclass(frozen=True)
class SwappedLM(HiddenSymbols):
    """Masked language modelling without a mask token: hidden symbols are exchanged for others.

    What is learnt from is then what evaluation shows: sequences of symbols alone.

    Equation: L = mean over exchanged places i of -log softmax(h(f(x'))_i)[x_i], x' = x but for
    random symbols at those places.

    Views: one sequence int [B, N], 0 for padding, and `mask` {"mask" bool [B, N], "symbols"
    int [B, N]}: where symbols are exchanged, and for which.

    Remembers: nothing.

    Collapse: not in the way of joint embeddings; the failure is a head that says how common each
    symbol is.

    Unverified: the share of exchanged tokens (0.15) and that the head is one linear layer.

    Attributes:
      dtype: dtype in which the head computes.
    """

    views: ClassVar[Spec] = Spec.single() + Spec.mask("mask", "symbols")
    paper: ClassVar[str] = "Structural Self-Supervised Objectives for Transformers"
    partial: ClassVar[str] = (
        "The thesis' second part, tasks about spans of a paragraph or document, is missing."
    )

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, N, V], `symbol` int [B, N], `mask` [B, N] and the pooled `embedding`."""
        x, mask = the_input(views), views["mask"]["mask"]
        mixed = jnp.where(mask, views["mask"]["symbols"], x)
        (pooled, logits) = step.student(mixed)
        return {"logits": logits, "symbol": x, "mask": mask, "embedding": pooled}
