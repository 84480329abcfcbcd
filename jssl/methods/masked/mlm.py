"""Masked language modelling: hide symbols of a sequence, say which they were.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
2019.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax

from jssl.methods.base import Outputs, Spec, Step, Tree, Views, the_input
from jssl.methods.hidden_symbols import HiddenSymbols


@dataclasses.dataclass(frozen=True)
class MaskedLM(HiddenSymbols):
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

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding"
    )

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> Tree:
        """Variables of the net, the mask token among them."""
        keys = {"params": key, "dropout": key}
        return net.init(keys, the_input(views), mask=views["mask"]["mask"], train=True)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, N, V], `symbol` int [B, N], `mask` [B, N] and the pooled `embedding`."""
        x, mask = the_input(views), views["mask"]["mask"]
        (pooled, logits) = step.student(x, mask=mask)
        return {"logits": logits, "symbol": x, "mask": mask, "embedding": pooled}
