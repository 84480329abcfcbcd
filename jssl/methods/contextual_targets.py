"""Contextual targets: the shared part of data2vec, point2vec and EAT.

The target of a token is the mean output of the teacher's top blocks on the unmasked input.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative, Positive, Unit
from jssl.encoders.features import Features, block_outputs
from jssl.health.alarm import Monitored
from jssl.methods.base import Metrics, Outputs, Step, Views
from jssl.methods.masked_parts import Target
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.methods.teacher import MomentumTeacher
from jssl.objectives.common import standardize
from jssl.objectives.masked import masked_mean
from jssl.objectives.regression import smooth_l1


@dataclasses.dataclass(frozen=True)
class ContextualTarget(Target):
    """Target: the mean output of the teacher's top blocks on the whole input.

    Attributes:
      top: number of top blocks.
      normalize: whether the mean is normalised as well.
    """

    top: int
    normalize: bool = False

    def __call__(self, step: Step, views: Views, x: Any) -> jax.Array:
        """The targets [B, N, D], without gradient."""
        del views
        mean = mean_of_blocks(step.teacher(x, net=step.net.encoder), self.top)
        return standardize(mean) if self.normalize else mean


@dataclasses.dataclass(frozen=True)
class ContextualTargets(MaskedPrediction):
    """Smooth L1 error of the masked tokens' contextual targets.

    Attributes:
      momentum: momentum of the teacher at the first step.
      momentum_end: momentum of the teacher at the end of `momentum_epochs`.
      momentum_epochs: number of epochs over which the momentum rises linearly; 0 for the whole run.
      top: number of top blocks whose outputs are averaged.
      beta: threshold of the smooth L1 error, below which it is quadratic.
      dtype: dtype in which the head computes.
    """

    momentum: Unit = 0.9998
    momentum_end: Unit = 0.9998
    momentum_epochs: NonNegative = 0.0
    top: Count = 6
    beta: Positive = 2.0
    dtype: str = "float32"

    predicted: ClassVar[str] = "prediction"

    @property
    def target(self) -> ContextualTarget:
        """The mean output of the teacher's top blocks."""
        return ContextualTarget(self.top)

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the encoder."""
        return {"teacher": encoder_teacher(self.momentum, self.momentum_end, self.momentum_epochs)}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error of the masked tokens, averaged over each example and over the batch."""
        loss, _ = super().objective(step, outputs)
        spread = jnp.mean(jnp.std(outputs["target"].astype(jnp.float32), axis=(0, 1)))
        return loss, {"target_spread": spread}

    def error(self, prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
        """Smooth L1 error of each example's masked tokens: [B]."""
        return masked_mean(smooth_l1(prediction, target, beta=self.beta), mask)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The prediction at the masked tokens, and the teacher-student distance."""
        monitored = super().monitor(step, outputs)
        features = {"embedding": outputs["embedding"]}
        return monitored._replace(features=features, teachers=self.distances(step))


def encoder_teacher(momentum: float, momentum_end: float, epochs: float) -> MomentumTeacher:
    """A headless teacher; its momentum rises linearly over some epochs, 0 for all."""
    return MomentumTeacher(momentum, momentum_end, schedule="linear", epochs=epochs, of="encoder")


def mean_of_blocks(
    features: Features,
    top: int,
    normalize: Callable[[jax.Array], jax.Array] = standardize,
) -> jax.Array:
    """Mean of the last blocks' outputs at the tokens, each normalised: float32 [B, N, D].

    Args:
      features: with extras "block0", "block1", ... [B, P + N, D], P prefix tokens first.
      top: number of blocks, at most all of them.
      normalize: function applied to a block's output [B, N, D]; by default each token is
        normalised.
    """
    blocks = [block[:, -features.tokens.shape[1] :] for block in block_outputs(features)[-top:]]
    return sum(normalize(block) for block in blocks) / len(blocks)
