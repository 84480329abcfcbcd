"""data2vec: from a masked view, regress what a slow teacher's top blocks say of the whole input.

Baevski et al., "data2vec: A General Framework for Self-supervised Learning in Speech, Vision and
Language", 2022.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock, linear
from jssl.encoders.features import Features
from jssl.methods.base import Memory, Metrics, Outputs, Tree, Views, apply, the_input
from jssl.methods.reconstruction import counted
from jssl.methods.teacher import Taught, run_teacher
from jssl.nn.dense import Dense
from jssl.objectives.common import standardize
from jssl.objectives.masked import masked_mean
from jssl.objectives.regression import smooth_l1
from jssl.ranges import Count, NonNegative, Positive, Unit


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
class Data2Vec(Taught):
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

    momentum: Unit = 0.9998
    momentum_end: Unit = 0.9998
    momentum_epochs: NonNegative = 0.0
    top: Count = 6
    beta: Positive = 2.0
    dtype: str = "float32"

    average_of: ClassVar[str] = "encoder"
    paper: ClassVar[str] = (
        "data2vec: A General Framework for Self-supervised Learning in Speech, Vision and Language"
    )
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return Data2VecNet(encoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return the_input(views), views["mask"]["mask"]

    def forward(
        self,
        net: nn.Module,
        params: Tree,
        stats: Tree,
        memory: Memory,
        views: Views,
        *,
        rng: jax.Array,
        clock: Clock,
    ) -> tuple[Outputs, Tree]:
        """`prediction` and `target` [B, N, D], `mask` [B, N] and the pooled `embedding`."""
        image, mask = the_input(views), views["mask"]["mask"]
        (features, prediction), stats = apply(net, params, stats, image, mask, rng=rng)
        whole = run_teacher(net.encoder, memory["teacher"], image, rng=rng)
        target = mean_of_blocks(whole, self.top)
        hidden = counted(net.encoder, image, mask)
        outputs = {"prediction": prediction, "target": target, "mask": hidden}
        return {**outputs, "embedding": features.pooled}, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Error of the hidden tokens, averaged over each example and over the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"], beta=self.beta)
        loss = jnp.mean(masked_mean(error, outputs["mask"]))
        spread = jnp.mean(jnp.std(outputs["target"].astype(jnp.float32), axis=(0, 1)))
        metrics = {"teacher_momentum": self.teacher_momentum(clock), "target_spread": spread}
        return loss, (memory, metrics)

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """The prediction of the hidden tokens, and how far the teacher is."""
        parts = (outputs["prediction"], outputs["target"], outputs["mask"])
        return Monitored(
            features={"embedding": outputs["embedding"]},
            predictions={"prediction": parts},
            teachers=self.distance(params, memory),
        )

    def teacher_momentum(self, clock: Clock) -> jax.Array:
        """Rises by a line over `momentum_epochs`, scalar."""
        done = clock.epoch / self.momentum_epochs if self.momentum_epochs else clock.fraction
        return linear(self.momentum, self.momentum_end, done)


def mean_of_blocks(
    features: Features,
    top: int,
    normalize: Callable[[jax.Array], jax.Array] = standardize,
) -> jax.Array:
    """Mean of the last blocks' outputs at the tokens, each normalised: float32 [B, N, D].

    Args:
      features: with extras "block0", "block1", ... [B, P + N, D], P prefix tokens first.
      top: number of blocks, at most all of them.
      normalize: what is done with a block's [B, N, D]; by default each token is normalised.
    """
    depth = sum(1 for name in features.extras if name.removeprefix("block").isdigit())
    prefix = features.extras["block0"].shape[1] - features.tokens.shape[1]
    blocks = [features.extras[f"block{i}"][:, prefix:] for i in range(max(depth - top, 0), depth)]
    return sum(normalize(block) for block in blocks) / len(blocks)
