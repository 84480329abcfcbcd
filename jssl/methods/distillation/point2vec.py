"""point2vec: data2vec whose student does not see the positions of masked tokens.

Abou Zeid et al., "Point2Vec for Self-Supervised Representation Learning on Point Clouds", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.core.ranges import Count, NonNegative, Unit
from jssl.methods.base import Method, Spec
from jssl.methods.contextual_targets import ContextualTarget, ContextualTargets
from jssl.methods.masked_parts import Drop, TransformerDecoder


@dataclasses.dataclass(frozen=True)
class Point2Vec(ContextualTargets):
    """data2vec with a student of visible tokens only and a shallow decoder (section 3.2).

    In a point cloud the positions of the tokens carry most of the information. Mask tokens would
    leak these positions to the student; here only the decoder receives them.

    Equation: L = mean over masked tokens of smoothL1(d(f(visible)), norm(y)), where y is the mean
    over the top K blocks of the teacher's normalised outputs for the whole input.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], "masked" int [B, N - K], "mask" bool
    [B, N]}.

    Remembers: the teacher, a moving average of the encoder.

    Collapse: collapse to a constant is prevented only by the normalised targets, the masks and the
    slow teacher, as in data2vec.

    Defaults: from the authors' code for ShapeNet (configs/pretraining/shapenet.yaml: top 6 of 12
    blocks, beta 2, momentum 0.9998 to 0.99999 over 200 of 800 epochs; decoder of 4 blocks, width
    384, 6 heads; 65 % masked, set in the views; AdamW at 1e-3, weight decay 0.05, batch 512, 80
    epochs of warm-up).

    BatchNorm of the teacher: as in data2vec.

    Differs from the authors' code: positions are added once, not before every block; the teacher's
    patch embedding is a moving average too, not the student's; the decoder's positions are sines
    and cosines of the centres; there is no attention dropout.

    The fields are those of `ContextualTargets`, and:

    Attributes:
      dtype: dtype in which the decoder computes.
      decoder_width: width of the decoder's tokens.
      decoder_depth: number of decoder blocks.
      decoder_heads: number of attention heads in each decoder block.
    """

    momentum_end: Unit = 0.99999
    momentum_epochs: NonNegative = 200.0
    decoder_width: Count = 384
    decoder_depth: Count = 4
    decoder_heads: Count = 6

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked", "mask")
    paper: ClassVar[str] = "Point2Vec for Self-Supervised Representation Learning on Point Clouds"

    corruption = Drop()

    @property
    def target(self) -> ContextualTarget:
        """The normalised mean output of the teacher's top blocks."""
        return ContextualTarget(self.top, normalize=True)

    @property
    def decoder(self) -> TransformerDecoder:
        """A transformer that predicts features of the encoder's width."""
        sizes = (self.decoder_width, self.decoder_depth, self.decoder_heads)
        return TransformerDecoder(*sizes, out="features")

    def smoke(self) -> Method:
        """A one-block decoder of width 16."""
        return dataclasses.replace(self, decoder_width=16, decoder_depth=1, decoder_heads=2)
