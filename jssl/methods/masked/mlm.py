"""Masked language modelling: mask symbols of a sequence and predict them.

Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
2019.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.methods.base import Spec
from jssl.methods.masked_symbols import MaskedSymbols


@dataclasses.dataclass(frozen=True)
class MaskedLM(MaskedSymbols):
    """Cross-entropy of the masked symbols (section 3.1, task 1).

    The encoder sees all positions, with a learned vector at the masked ones; a linear layer scores
    each symbol of the vocabulary.

    Equation: L = mean over masked positions i of -log softmax(h(f(x, mask))_i)[x_i], where f is the
    encoder and h the head.

    Views: one sequence int [B, N] and `mask` {"mask" bool [B, N]}, True where masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the
    frequency of each symbol.

    Defaults: from the paper: 15 % of the symbols are masked, set in the views.

    Differs from the authors' code: a masked symbol is never kept or replaced by another symbol;
    there is no next-sentence prediction, and the head is one linear layer.

    Attributes:
      dtype: dtype in which the head computes.
    """

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding"
    )
