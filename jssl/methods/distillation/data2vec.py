"""data2vec: regress, from a masked view, a teacher's top-block outputs on the whole input.

Baevski et al., "data2vec: A General Framework for Self-supervised Learning in Speech, Vision and
Language", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax

from jssl.methods.base import Spec
from jssl.methods.contextual_targets import ContextualTarget, ContextualTargets
from jssl.nn import module as nn
from jssl.nn.dense import Dense


class Data2VecNet(nn.Module):
    """An encoder and a linear head on its tokens.

    Attributes:
      encoder: module that maps x and a mask to `Features` with tokens and block outputs.
      dtype: dtype in which the map computes.
    """

    encoder: nn.Module
    dtype: str

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...] and mask bool [B, N] to (pooled [B, P], prediction [B, N, D])."""
        features = self.encoder(x, mask=mask, train=train)
        head = Dense(features.tokens.shape[-1], dtype=self.dtype, name="head")
        return features.pooled, head(features.tokens)


@dataclasses.dataclass(frozen=True)
class Data2Vec(ContextualTargets):
    """Smooth L1 error of the masked tokens' contextual targets (eqs. 2 and 3).

    Equation: L = mean over masked tokens of smoothL1(f(h), norm(y)), where y is the mean over the
    top K blocks of the teacher's normalised outputs.

    Views: one input [B, ...] and `mask` {"mask": bool [B, N], ...}. The teacher sees the whole
    input; the target of a token is the mean of the teacher's top-block outputs, each normalised
    without learned scale and shift, and normalised again (`normalize_mean`).

    Remembers: the teacher, a moving average of the encoder.

    Collapse: collapse to a constant is prevented only by the normalised targets, the masks and the
    slow teacher (section 3.4 of the paper advises tuning learning rate and momentum carefully).

    Defaults: from the authors' code for ViT-B on ImageNet (data2vec_vision, the command of its
    README: top 6 blocks, normalised again after the mean, beta 2, constant momentum 0.9998, blocks
    of at least 16 tokens that hide 60 %, set in the views; AdamW at 2e-3, batch 2048, weight decay
    0.05, gradients clipped at 3, 800 epochs). With its settings for speech and text the momentum
    rises linearly from 0.999. In a run of fewer steps than about 10^5 the momentum must be lower:
    `jssl.training.short_runs.fit_momentum`.

    BatchNorm of the teacher: training uses the statistics of the teacher's own batch; the running
    statistics are a moving average of the student's.

    Differs from the authors' code: the error is the mean over dimensions, not the sum divided by
    the square root of their number; the teacher's patch embedding is a moving average too, not the
    student's; positions are absolute; there is a linear head, as in the paper, which their vision
    code omits; the target of the last block is taken before the final norm, like those of the other
    blocks. The encoder is initialised as theirs with `kernel_init="trunc_normal_beit"`, as in
    `image/data2vec_imagenet`.

    The fields are those of `ContextualTargets`, and:

    Attributes:
      normalize_mean: whether the mean of the blocks is normalised as well, as in the authors' code
        for images; equation 2 of the paper does not say so.
    """

    normalize_mean: bool = True

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "data2vec: A General Framework for Self-supervised Learning in Speech, Vision and Language"
    )

    @property
    def target(self) -> ContextualTarget:
        """The mean output of the teacher's top blocks, normalised on request."""
        return ContextualTarget(self.top, normalize=self.normalize_mean)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return Data2VecNet(encoder, self.dtype)
