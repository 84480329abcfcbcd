"""point2vec: data2vec whose student never sees where the hidden tokens are.

Abou Zeid et al., "Point2Vec for Self-Supervised Representation Learning on Point Clouds", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn

from jssl.methods.base import Method, Outputs, Spec, Step, Views, the_input
from jssl.methods.contextual_targets import ContextualTargets, mean_of_blocks
from jssl.methods.reconstruction import counted
from jssl.nn.decoder import MaskedAutoencoder
from jssl.objectives.common import standardize
from jssl.ranges import Count, NonNegative, Unit


@dataclasses.dataclass(frozen=True)
class Point2Vec(ContextualTargets):
    """data2vec with the student on visible tokens alone and a shallow decoder (section 3.2).

    Where a token lies is most of what there is to say of a cloud. A student with mask tokens would
    be told so by their positions; here these enter the decoder alone.

    Equation: L = mean over hidden tokens of smoothL1(d(f(visible)), norm(y)), y the mean over the
    top K blocks of the teacher's normalised outputs for the whole input.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], "masked" int [B, N - K], "mask" bool
    [B, N]}.

    Remembers: the teacher, a moving average of the encoder.

    Collapse: to a constant, held off by the normalised targets, the masks and the slow teacher
    alone, as in data2vec.

    Defaults are the authors' code's for ShapeNet (configs/pretraining/shapenet.yaml: top 6 of 12
    blocks, beta 2, momentum 0.9998 to 0.99999 over 200 of 800 epochs; decoder of 4 blocks, width
    384, 6 heads; 65 % hidden, set in the views; AdamW at 1e-3, weight decay 0.05, batch 512, 80
    epochs of warm-up).

    BatchNorm of the teacher: as in data2vec.

    Differs from the authors' code: positions are added once, not before every block; the teacher's
    patch embedding is an average too, not the student's; the decoder's positions are sines and
    cosines of the centres; no dropout in the attention.

    Attributes:
      momentum: of the teacher at the first step.
      momentum_end: of the teacher at the end of `momentum_epochs`.
      momentum_epochs: epochs over which the momentum rises; 0 for the whole run.
      top: number of blocks averaged.
      beta: where the error turns from square to absolute.
      dtype: dtype in which the decoder computes.
      decoder_width: size of the decoder's tokens.
      decoder_depth: number of its blocks.
      decoder_heads: its attention heads.
    """

    momentum_end: Unit = 0.99999
    momentum_epochs: NonNegative = 200.0
    decoder_width: Count = 384
    decoder_depth: Count = 4
    decoder_heads: Count = 6

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked", "mask")
    paper: ClassVar[str] = "Point2Vec for Self-Supervised Representation Learning on Point Clouds"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder."""
        decoder = (self.decoder_width, self.decoder_depth, self.decoder_heads)
        return MaskedAutoencoder(encoder, *decoder, self.dtype, out="features")

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        mask = views["mask"]
        return the_input(views), mask["keep"], mask["masked"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, N, D], `mask` [B, N] and the pooled `embedding`."""
        x, keep, masked = self.inputs(views)
        (pooled, prediction) = step.student(x, keep, masked)
        whole = step.teacher(x, net=step.net.encoder)
        outputs = {
            "prediction": prediction,
            "target": standardize(mean_of_blocks(whole, self.top)),
            "mask": counted(step.net.encoder, x, views["mask"]["mask"]),
        }
        return {**outputs, "embedding": pooled}

    def smoke(self) -> Method:
        """A one-block decoder of width 16."""
        return dataclasses.replace(self, decoder_width=16, decoder_depth=1, decoder_heads=2)
