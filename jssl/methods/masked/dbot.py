"""dBOT: masked prediction of the previous stage's features, starting from a random teacher.

Liu et al., "Exploring Target Representations for Masked Autoencoders", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.progress import Progress, cosine
from jssl.core.ranges import Count, NonNegative, Positive
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.masked_parts import Drop, TeacherTokens, TransformerDecoder
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.methods.teacher import encoder_part, new_teacher
from jssl.nn import module as nn
from jssl.objectives.masked import masked_mean
from jssl.objectives.regression import smooth_l1


@dataclasses.dataclass(frozen=True)
class DBOT(MaskedPrediction):
    """Smooth L1 error of a fixed teacher's features at the masked patches (section 3).

    The run is divided into `stages` of equal length. In the first stage the teacher is the
    untrained encoder. At each boundary the student's encoder becomes the teacher, and the student
    is reset to its initial parameters.

    Equation: L = mean over masked patches of smoothL1(d(f(visible)), norm(t(x))), where t is the
    encoder of the previous stage without its final norm, and norm gives each token mean 0 and
    variance 1. The class token counts as one more masked patch.

    Views: one input [B, ...], and `mask` {"keep" int [B, K], "masked" int [B, N - K], "mask" bool
    [B, N]}, as in MAE.

    Remembers: the teacher and the initial parameters.

    Collapse: impossible with a fixed teacher whose features vary; a random teacher with nearly
    constant features gives a weak signal.

    Each stage has a learning-rate schedule of its own: warm-up and half a cosine, multiplied by the
    optimizer's rate. Use `end=1.0` and no warm-up in the optimizer.

    Defaults: from the authors' code (two stages of 800 epochs, decoder of 8 blocks, width 512, 16
    heads; beta 2; normalised targets taken before the final norm; the class token seen by the
    decoder and predicted; 40 epochs of warm-up in each stage; AdamW at 1.5e-4 x batch / 256, beta2
    0.95, weight decay 0.05, stochastic depth 0.2; gradients clipped at 3 for ViT-B alone; Adam's
    moments are kept at a stage boundary).

    BatchNorm: the teacher keeps the student's running statistics; these are not reset.

    Differs from the authors' code: a student starts each stage from the same initial parameters,
    not from new ones; the error is averaged over the masked patches of each example first, which
    is the same where all examples have the same number.

    Attributes:
      stages: number of stages, each of which trains one student.
      warmup_epochs: number of warm-up epochs in each stage.
      beta: threshold of the smooth L1 error, below which it is quadratic.
      decoder_width: width of the decoder's tokens.
      decoder_depth: number of decoder blocks.
      decoder_heads: number of attention heads in each decoder block.
      dtype: dtype in which the decoder computes.
      class_token: whether the encoder's class token, if it has one, is an input of the decoder and
        predicted as well.
    """

    stages: Count = 2
    warmup_epochs: NonNegative = 40.0
    beta: Positive = 2.0
    decoder_width: Count = 512
    decoder_depth: Count = 8
    decoder_heads: Count = 16
    dtype: str = "float32"
    class_token: bool = True

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked", "mask")
    paper: ClassVar[str] = "Exploring Target Representations for Masked Autoencoders"
    partial: ClassVar[str] = (
        "Teachers of another form than the student are missing, and each stage starts from "
        "the same initial parameters instead of new ones."
    )
    predicted: ClassVar[str] = "features"
    corruption = Drop()

    def target(self, step: Step, views: Views, x: Any) -> jax.Array:
        """The teacher's tokens, with the class token first if it is predicted."""
        return TeacherTokens(class_token=self._with_class(step.net.encoder))(step, views, x)

    def decoder(self, encoder: nn.Module, *, dtype: str) -> nn.Module:
        """A transformer that predicts features of the encoder's width."""
        sizes = (self.decoder_width, self.decoder_depth, self.decoder_heads)
        seen = self._with_class(encoder)
        decoder = TransformerDecoder(*sizes, "features", class_token=seen, predict_class=seen)
        return decoder(encoder, dtype=dtype)

    def forward(self, step: Step, views: Views) -> Outputs:
        """As for all masked methods; the class token, if it is predicted, counts as masked."""
        outputs = super().forward(step, views)
        first = int(self._with_class(step.net.encoder))
        mask = jnp.pad(outputs["mask"], ((0, 0), (first, 0)), constant_values=True)
        return {**outputs, "mask": mask}

    def init_memory(self, step: Step) -> Memory:
        """The teacher, an untrained encoder, and the initial parameters of every student."""
        teacher = new_teacher(*encoder_part(step.params, step.batch_stats))
        return {"teacher": teacher, "initial": jax.tree.map(jnp.copy, step.params)}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error of the masked patches' features, averaged over the batch."""
        loss, _ = super().objective(step, outputs)
        stage = jnp.asarray(step.progress.step, jnp.float32) // self._length(step.progress)
        return loss, {"stage": stage}

    def error(self, prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
        """Smooth L1 error of each example's masked tokens: [B]."""
        return masked_mean(smooth_l1(prediction, target, beta=self.beta), mask)

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Multiplies the updates by the stage's schedule, between 0 and 1."""
        length = self._length(step.progress)
        warmup = min(round(self.warmup_epochs * step.progress.steps_per_epoch), length // 2)
        done = jnp.asarray(step.progress.step % length, jnp.float32)
        decay = cosine(1.0, 0.0, (done - warmup) / (length - warmup))
        factor = jnp.where(done < warmup, (done + 1.0) / max(warmup, 1), decay)
        return jax.tree.map(lambda update: update * factor.astype(update.dtype), updates)

    def after_update(self, step: Step) -> Memory:
        """At the end of a stage the student's encoder becomes the teacher."""
        encoder, collections = encoder_part(step.params, step.batch_stats)
        student = {"params": encoder, "stats": collections}
        teacher = self._at_boundary(step.progress, student, step.memory["teacher"])
        return {**step.memory, "teacher": teacher}

    def next_params(self, step: Step) -> ArrayTree:
        """At the end of a stage, except the last, resets the student."""
        return self._at_boundary(step.progress, step.memory["initial"], step.params)

    def smoke(self) -> Method:
        """A one-block decoder of width 32, no warm-up."""
        small = {"decoder_width": 32, "decoder_depth": 1, "decoder_heads": 2}
        return dataclasses.replace(self, warmup_epochs=0.0, **small)

    def reconstruct(self, step: Step, views: Views) -> None:
        """None, since features cannot be shown."""

    def _with_class(self, encoder: nn.Module) -> bool:
        return self.class_token and getattr(encoder, "has_class_token", False)

    def _length(self, progress: Progress) -> int:
        return -(-progress.steps // self.stages)

    def _at_boundary(self, progress: Progress, new: ArrayTree, old: ArrayTree) -> ArrayTree:
        done = jnp.asarray(progress.step) + 1
        ends = (done % self._length(progress) == 0) & (done < progress.steps)
        return jax.tree.map(lambda a, b: jnp.where(ends, a, b), new, old)
