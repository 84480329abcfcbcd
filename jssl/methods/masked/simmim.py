"""SimMIM: replace patches by a mask token in the encoder and predict their raw pixels linearly.

Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.methods.base import Spec
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.objectives.masked import masked_l1


@dataclasses.dataclass(frozen=True)
class SimMIM(MaskedPrediction):
    """Mean absolute error of the masked patches' pixels (section 3.4).

    The encoder sees all positions, with a learned token at the masked ones; a linear layer maps
    each of its tokens to a patch.

    Equation: L = mean over masked patches of |h(f(x, mask)) - x|, where f is the encoder and h the
    linear head.

    Views: one input [B, ...] and `mask` {"mask" bool [B, N]}, True where masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the local
    mean.

    Defaults of the recipe: from the paper for ViT-B (section 4 and appendix): squares of 32 pixels,
    ratio 0.6, AdamW at 1e-4 x batch / 512, weight decay 0.05, 800 epochs, batch 2048; the pixels
    are normalised only by the data set's statistics.

    Differs from the authors' code: their ViT has a shared relative position bias instead of
    position embeddings, and factors of 0.1 on its branches; the linear head here has Xavier
    initialisation. The encoder's kernels are initialised as theirs with
    `kernel_init="trunc_normal_beit"`, as in `image/simmim_imagenet`.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = "SimMIM: A Simple Framework for Masked Image Modeling"
    error = staticmethod(masked_l1)
