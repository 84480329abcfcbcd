"""data2vec: from a masked view, regress what a slow teacher's top blocks say of the whole input.

Baevski et al., "data2vec: A General Framework for Self-supervised Learning in Speech, Vision and
Language", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax

from jssl.encoders.features import Features
from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.contextual_targets import ContextualTargets, mean_of_blocks
from jssl.methods.reconstruction import counted
from jssl.nn.dense import Dense


class Data2VecNet(nn.Module):
    """An encoder and a linear map of its tokens.

    Attributes:
      encoder: module `x -> Features` with tokens and block outputs, that takes a mask.
      dtype: dtype in which the map computes.
    """

    encoder: nn.Module
    dtype: str

    @nn.compact
    def __call__(
        self, x: jax.Array, mask: jax.Array | None = None, *, train: bool
    ) -> tuple[Features, jax.Array]:
        """Maps x [B, ...] and mask bool [B, N] to (features, prediction [B, N, D])."""
        features = self.encoder(x, mask=mask, train=train)
        head = Dense(features.tokens.shape[-1], dtype=self.dtype, name="head")
        return features, head(features.tokens)


@dataclasses.dataclass(frozen=True)
class Data2Vec(ContextualTargets):
    """Smooth L1 error of the hidden tokens' contextual targets (eqs. 2 and 3).

    Equation: L = mean over hidden tokens of smoothL1(f(h), y), y the mean over the top K blocks of
    the teacher's normalised outputs.

    Views: one input [B, ...] and `mask` {"mask": bool [B, N], ...}. The teacher sees the whole
    input; a target is the mean of its top blocks' outputs at that token, each normalised without
    learned parts.

    Remembers: the teacher, a moving average of the encoder.

    Collapse: to a constant, held off by the normalised targets, the masks and the slow teacher
    alone (section 3.4 of the paper advises a careful learning rate and momentum).

    Defaults are the paper's for ViT-B on ImageNet, read in the paper and unverified in code: top 6
    blocks, beta 2, momentum 0.9998 throughout, blocks hiding 60 % (set in the views), Adam at 2e-3,
    batch 2048, 800 epochs. The authors' code has momentum rising by a line, as here.

    BatchNorm of the teacher: statistics of its own batch in training; running ones are averaged.

    Differs from the authors' code: the error is the mean over dimensions, not the sum over their
    root; the teacher's patch embedding is an average too, not the student's; absolute positions; a
    linear head, which the paper has and their vision code leaves out; targets of the last block
    come before the final norm, as those of the others. The encoder starts as theirs with
    `kernel_init="trunc_normal_beit"`, as in `image/data2vec_imagenet`.

    Attributes:
      momentum: of the teacher at the first step.
      momentum_end: of the teacher at the end of `momentum_epochs`.
      momentum_epochs: epochs over which the momentum rises; 0 for the whole run.
      top: number of blocks averaged.
      beta: where the error turns from square to absolute.
      dtype: dtype in which the head computes.
    """

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "data2vec: A General Framework for Self-supervised Learning in Speech, Vision and Language"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return Data2VecNet(encoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return the_input(views), views["mask"]["mask"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, N, D], `mask` [B, N] and the pooled `embedding`."""
        image, mask = the_input(views), views["mask"]["mask"]
        (features, prediction) = step.student(image, mask)
        whole = step.teacher(image, net=step.net.encoder)
        target = mean_of_blocks(whole, self.top)
        hidden = counted(step.net.encoder, image, mask)
        outputs = {"prediction": prediction, "target": target, "mask": hidden}
        return {**outputs, "embedding": features.pooled}
