"""EAT: regress a teacher's tokens and their mean, under several masks of one input.

Chen et al., "EAT: Self-Supervised Pre-Training with Efficient Audio Transformer", 2024.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative, Unit
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.contextual_targets import encoder_teacher, mean_of_blocks
from jssl.methods.masked_parts import counted
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.decoder import ConvDecoder, in_order, real_tokens
from jssl.objectives.common import standardize
from jssl.objectives.masked import masked_mean, masked_mse


class ManyMasks(nn.Module):
    """An encoder of the visible tokens under several masks, and a convolutional decoder.

    Attributes:
      encoder: module with a class token that can drop tokens (`keep`).
      width: number of channels of the decoder.
      depth: number of decoder layers.
      groups: number of channel groups of the decoder.
      dtype: dtype in which the decoder computes.
    """

    encoder: nn.Module
    width: int
    depth: int
    groups: int
    dtype: str

    @nn.compact
    def __call__(
        self, x: Any, keep: jax.Array, masked: jax.Array, *, train: bool
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Encodes the visible tokens of each mask and decodes all tokens.

        Args:
          x: [B, ...].
          keep: int [B, M, K], the tokens that each mask keeps.
          masked: int [B, M, N - K], the others.
          train: whether to run in training mode.

        Returns:
          (pooled [B, M, P], class tokens [B, M, D], predictions [B, M, N, D]).

        Raises:
          UserError: if the encoder has no class token.
        """
        batch, masks, _ = keep.shape
        keep, masked = (places.reshape(batch * masks, -1) for places in (keep, masked))
        # The copies of an example become adjacent examples on the same device.
        copies = jax.tree.map(lambda part: jnp.repeat(part, masks, axis=0), x)
        features = self.encoder(copies, keep=keep, train=train)
        if "cls" not in features.extras:
            raise UserError(
                "EAT regresses the mean of the targets from the class token, and the encoder has "
                "none: give it pool='cls' (a ViT may also have class_token=True)"
            )
        start = nn.initializers.normal(0.02)
        token = self.param("mask_token", start, (features.tokens.shape[-1],))
        tokens = in_order(features.tokens, token, keep, masked)
        decoder = ConvDecoder(self.width, self.depth, self.groups, dtype=self.dtype, name="decoder")
        found = features.pooled, features.extras["cls"], decoder(self.encoder, copies, tokens)
        return tuple(part.reshape(batch, masks, *part.shape[1:]) for part in found)


@dataclasses.dataclass(frozen=True)
class EAT(Method):
    """Squared error of the masked tokens' targets, and of the class token's (UFO).

    One forward pass of the teacher serves all masks of an input, and the student processes a fifth
    of the tokens for each mask, so most of the cost is that of the light decoder.

    Equation: L = mean over masks and masked tokens of |d(f(visible)) - y|^2 / D + w mean over masks
    of |c(visible) - mean over tokens of y|^2 / D, where c is the class token, and y is the mean
    over the top K blocks of the teacher's outputs, each dimension normalised over the tokens, and
    the mean normalised again.

    Views: one input [B, ...] and `mask` {"keep" int [B, M, K], "masked" int [B, M, N - K], "mask"
    bool [B, M, N]}, M masks drawn from one sampler.

    Remembers: the teacher, a moving average of the encoder.

    Collapse: collapse to a constant is prevented only by the normalised targets, the masks and the
    slow teacher, as in data2vec.

    Defaults: from the authors' code for AudioSet (config/pretraining_AS2M.yaml: all 12 blocks, 6
    layers of 3 x 3 of width 768 in 16 groups, weight 1, momentum 0.9998 to 0.99999 over 100000 of
    400000 updates, about 2.5 of 10 epochs; 16 masks that keep blocks of 5 x 5 and mask 80 %, set in
    the views; Adam at 5e-4, weight decay 0.05, batch 48).

    BatchNorm of the teacher: as in data2vec.

    Differs from the authors' code: errors are means over dimensions, not sums divided by the square
    root of their number; the class token's error is a mean over copies, as in the paper, whereas
    the code's reduction seems to sum it; block outputs are taken after the residual sum, in a
    pre-norm transformer; masked positions hold a learned mask token, not noise of standard
    deviation 0.01.

    Unverified: the results of the paper, which need AudioSet.

    Attributes:
      momentum: momentum of the teacher at the first step.
      momentum_end: momentum of the teacher at the end of `momentum_epochs`.
      momentum_epochs: number of epochs over which the momentum rises linearly; 0 for the whole run.
      top: number of top blocks whose outputs are averaged.
      weight: weight of the class token's error.
      decoder_width: number of channels of the decoder.
      decoder_depth: number of decoder layers.
      decoder_groups: number of channel groups of the decoder; more than 1 is slow on a CPU.
      dtype: dtype in which the decoder computes.
    """

    momentum: Unit = 0.9998
    momentum_end: Unit = 0.99999
    momentum_epochs: NonNegative = 2.5
    top: Count = 12
    weight: NonNegative = 1.0
    decoder_width: Count = 768
    decoder_depth: Count = 6
    decoder_groups: Count = 16
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked", "mask")
    paper: ClassVar[str] = "EAT: Self-Supervised Pre-Training with Efficient Audio Transformer"
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target", "utterance_target")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder."""
        decoder = (self.decoder_width, self.decoder_depth, self.decoder_groups)
        return ManyMasks(encoder, *decoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return the_input(views), views["mask"]["keep"], views["mask"]["masked"]

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the encoder."""
        return {"teacher": encoder_teacher(self.momentum, self.momentum_end, self.momentum_epochs)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """Predictions of `frames` [B, M, N, D] and `utterance` [B, M, D] and the targets of both.

        The targets are `target` [B, N, D] and `utterance_target` [B, D]. `mask` [B, M, N] is True
        where a token is masked; `embedding` is the pooled output for the first mask.
        """
        x, keep, masked = self.inputs(views)
        found = step.student(x, keep, masked)
        pooled, utterance, frames = found
        whole = step.teacher(x, net=step.net.encoder)
        real = real_tokens(step.net.encoder, x)
        real = jnp.ones(whole.tokens.shape[:2], bool) if real is None else real
        blocks = mean_of_blocks(whole, self.top, partial(across_tokens, real=real))
        target = standardize(blocks)
        hidden = jax.vmap(partial(counted, step.net.encoder, x), in_axes=1, out_axes=1)
        outputs = {
            "frames": frames,
            "utterance": utterance,
            "target": target,
            "utterance_target": mean_of_tokens(target, real),
            "mask": hidden(views["mask"]["mask"]),
        }
        return {**outputs, "embedding": pooled[:, 0]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, and its two terms as metrics."""
        utterance = outputs["utterance"].astype(jnp.float32)
        whole = outputs["utterance_target"].astype(jnp.float32)[:, None]
        terms = {
            "frame_loss": jnp.mean(masked_mse(*self._copies(outputs))),
            "utterance_loss": jnp.mean(jnp.square(utterance - whole)),
        }
        loss = terms["frame_loss"] + self.weight * terms["utterance_loss"]
        return loss, terms

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Both predictions, the pooled features, and the teacher-student distance."""
        utterance, whole = outputs["utterance"], outputs["utterance_target"][:, None]
        parts = (utterance, jnp.broadcast_to(whole, utterance.shape), jnp.ones(utterance.shape[:2]))
        return Monitored(
            features={"embedding": outputs["embedding"]},
            predictions={"frames": self._copies(outputs), "utterance": parts},
            teachers=self.distances(step),
        )

    def _copies(self, outputs: Outputs) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(predictions [B M, N, D], targets [B M, N, D], hidden [B M, N])."""
        frames, mask = outputs["frames"], outputs["mask"]
        target = jnp.broadcast_to(outputs["target"][:, None], frames.shape)
        return tuple(x.reshape(-1, *x.shape[2:]) for x in (frames, target, mask))

    def smoke(self) -> Method:
        """A decoder of two layers of width 16."""
        return dataclasses.replace(self, decoder_width=16, decoder_depth=2, decoder_groups=1)


def mean_of_tokens(x: jax.Array, real: jax.Array) -> jax.Array:
    """Mean over the non-padding tokens: x [B, N, D], real bool [B, N] -> float32 [B, D]."""
    return jax.vmap(masked_mean, in_axes=(2, None), out_axes=1)(x, real)


def across_tokens(x: jax.Array, real: jax.Array, *, epsilon: float = 1e-5) -> jax.Array:
    """Normalises each dimension to mean 0 and variance 1 over the tokens of an example.

    Ulyanov et al., "Instance Normalization", 2016. This removes what all tokens have in common.

    Args:
      x: [B, N, D], any float dtype.
      real: bool [B, N], True where a token is not padding.
      epsilon: added to the variance.

    Returns:
      float32 [B, N, D].
    """
    x = x.astype(jnp.float32)
    x = x - mean_of_tokens(x, real)[:, None]
    return x * jax.lax.rsqrt(mean_of_tokens(jnp.square(x), real)[:, None] + epsilon)
