"""PatchTST: set patches of the input to zero and predict them linearly from the tokens.

Nie et al., "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.methods.base import Spec
from jssl.methods.masked_parts import Blank, Corruption, MaskToken
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.objectives.masked import masked_mse


@dataclasses.dataclass(frozen=True)
class PatchTST(MaskedPrediction):
    """Mean squared error of the masked patches (section 3.2).

    The encoder sees all positions. Masked patches are set to zero in the input, or replaced by a
    learned token (`mask_token`). A linear layer maps each token to a patch.

    Equation: L = mean over masked patches of (h(f(x * visible)) - x)^2, where f is the encoder and
    h the linear head.

    Views: one input [B, ...], each channel normalised over time, and `mask` {"mask" bool [B, N]},
    True where masked. Zero is then the mean of a channel; where channels are not normalised, zero
    is a value like others, and `mask_token` tells the encoder what is masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the local
    mean.

    Defaults are set in the views and the encoder: non-overlapping patches of 12 steps, 40 % of them
    masked in each channel (section 4.2), 3 blocks of width 128 with 16 heads and MLPs of 512 (the
    authors' code; the width 16 for the small ETT data sets is that of supervised training).

    Differs from the authors' code: the transformer applies LayerNorm before its branches instead of
    BatchNorm after them, and has fixed positions and no dropout.

    Attributes:
      dtype: dtype in which the head computes.
      mask_token: whether masked patches are replaced by a learned token after the embedding.
    """

    dtype: str = "float32"
    mask_token: bool = dataclasses.field(default=False, metadata={"later": True})

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers"
    )
    error = staticmethod(masked_mse)

    @property
    def corruption(self) -> Corruption:
        """Zeros, or a mask token."""
        return MaskToken() if self.mask_token else Blank()
