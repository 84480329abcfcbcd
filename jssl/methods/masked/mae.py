"""MAE: mask most patches, encode the rest and reconstruct the masked pixels.

He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.core.ranges import Count
from jssl.methods.base import Method, Spec
from jssl.methods.masked_parts import Drop, Patches, TransformerDecoder
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.objectives.masked import masked_mse


@dataclasses.dataclass(frozen=True)
class MAE(MaskedPrediction):
    """Mean squared error of the masked patches' pixels, each patch normalised (section 3).

    The encoder processes only the visible patches; a small decoder processes its tokens and mask
    tokens.

    Equation: L = mean over masked patches of (d(f(visible)) - norm(x))^2, where f is the encoder, d
    the decoder and norm the normalisation of each patch.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], "masked" int [B, N - K], "mask"
    bool [B, N]}.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the mean
    patch.

    Defaults: from the paper for ImageNet (section 4 and appendix A.1: decoder of 8 blocks, width
    512, 16 heads; normalised pixels; masking ratio 0.75, set in the views; AdamW at 1.5e-4 x batch
    / 256, beta2 0.95, weight decay 0.05, 40 epochs of warm-up).

    Differs from the authors' code: the decoder does not receive the class token unless
    `decoder_class_token` is set. The encoder's
    `positions="sincos_mae"` with the default `kernel_init="xavier"` gives their initialisation and
    positions, as in `image/mae_imagenet`; `"sincos"` swaps the channels of rows and columns, which
    does not affect training.

    Attributes:
      decoder_width: width of the decoder's tokens.
      decoder_depth: number of decoder blocks.
      decoder_heads: number of attention heads in each decoder block.
      normalize_target: whether each target patch is normalised.
      dtype: dtype in which the decoder computes.
      decoder_class_token: whether the decoder also sees the encoder's class token, as in the
        authors' code and in their weights.
    """

    decoder_width: Count = 512
    decoder_depth: Count = 8
    decoder_heads: Count = 16
    normalize_target: bool = True
    dtype: str = "float32"
    decoder_class_token: bool = dataclasses.field(default=False, metadata={"later": True})

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked", "mask")
    paper: ClassVar[str] = "Masked Autoencoders Are Scalable Vision Learners"
    corruption = Drop()
    error = staticmethod(masked_mse)

    @property
    def target(self) -> Patches:
        """Patches, normalised on request."""
        return Patches(self.normalize_target)

    @property
    def decoder(self) -> TransformerDecoder:
        """A transformer on visible tokens and mask tokens."""
        sizes = (self.decoder_width, self.decoder_depth, self.decoder_heads)
        return TransformerDecoder(*sizes, class_token=self.decoder_class_token)

    def smoke(self) -> Method:
        """A one-block decoder of width 32."""
        return dataclasses.replace(self, decoder_width=32, decoder_depth=1, decoder_heads=2)
