"""Swapped language modelling: predict the original of each randomly replaced symbol.

Di Liello, "Structural Self-Supervised Objectives for Transformers", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.methods.base import Spec
from jssl.methods.masked_parts import Substitute
from jssl.methods.masked_symbols import MaskedSymbols


@dataclasses.dataclass(frozen=True)
class SwappedLM(MaskedSymbols):
    """Masked language modelling without a mask token: masked symbols are replaced by others.

    Training and evaluation then see the same kind of input, sequences of symbols.

    Equation: L = mean over replaced positions i of -log softmax(h(f(x'))_i)[x_i], where x' is x
    with random symbols at those positions.

    Views: one sequence int [B, N], 0 for padding, and `mask` {"mask" bool [B, N], "symbols" int [B,
    N]}: where symbols are replaced, and by which.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the
    frequency of each symbol.

    Unverified: the fraction of replaced tokens (0.15) and that the head is one linear layer.

    Attributes:
      dtype: dtype in which the head computes.
    """

    views: ClassVar[Spec] = Spec.single() + Spec.mask("mask", "symbols")
    corruption = Substitute()
    paper: ClassVar[str] = "Structural Self-Supervised Objectives for Transformers"
    partial: ClassVar[str] = (
        "The thesis' second part, tasks about spans of a paragraph or document, is missing."
    )
