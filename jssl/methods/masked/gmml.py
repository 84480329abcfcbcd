"""GMML: corrupt groups of connected patches in the image and predict the original pixels.

Atito et al., "GMML is All you Need", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.methods.base import Spec
from jssl.methods.masked_parts import InViews
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.objectives.masked import masked_l1


@dataclasses.dataclass(frozen=True)
class GMML(MaskedPrediction):
    """Mean absolute error of the corrupted patches' pixels (section 3).

    There is no mask token: the encoder has to recognise the corrupted patches. A light head
    predicts a patch from each token.

    Equation: L = mean over corrupted patches of |h(f(x~)) - x|, where x~ is the corrupted input, f
    the encoder and h the head.

    Views: one input [B, ...], corrupted, `original` [B, ...] and `mask` bool [B, N], True where a
    patch was replaced (`jssl.augmentations.batchwise.corrupt_groups`: by noise, or by another image
    of the batch).

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the local
    mean.

    Defaults of the recipe: from the authors' code (AdamW at 5e-4 x batch / 256, weight decay 0.04
    to 0.4, 10 epochs of warm-up, 800 epochs; the loss on corrupted pixels only).

    Differs from the authors' code: one view per image, not two; the head's input is the last block,
    not the sum of four; the head is linear, which is unverified; the fraction of corrupted tokens
    is exact; jitter and blur of the clean image are omitted.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.named("original", "mask")
    paper: ClassVar[str] = "GMML is All you Need"
    corruption = InViews()
    error = staticmethod(masked_l1)
