"""Self-distillation with prototypes: the shared part of DINO, iBOT, DINOv2 and TIPS."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.progress import Progress, linear
from jssl.core.ranges import Count, Layers, NonNegative, Positive, Several, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Outputs, Step
from jssl.methods.freeze import hold
from jssl.methods.multicrop import PrototypeHead
from jssl.methods.teacher import MomentumTeacher
from jssl.nn.heads import MLPHead, Prototypes
from jssl.objectives.classification import soft_cross_entropy
from jssl.objectives.distillation import cross_view, teacher_targets, update_centre
from jssl.objectives.masked import masked_mean


@dataclasses.dataclass(frozen=True)
class SelfDistillation(Method):
    """A student predicts the teacher's balanced assignment to prototypes.

    `forward` returns scores `student` [B, V, K] of all crops and `teacher` [B, G, K] of the first G
    crops. With masked patches it also returns `student_patches` and `teacher_patches` [B, G, M, K']
    and `masked` bool [B, G, M].

    Attributes:
      momentum: momentum of the teacher at the first step.
      momentum_end: momentum of the teacher at the last step.
      student_temperature: temperature of the student's softmax.
      temperature: temperature of the teacher's softmax, after the warm-up.
      temperature_start: temperature of the teacher's softmax at the first step.
      temperature_warmup: number of epochs in which the teacher's temperature goes from
        `temperature_start` to `temperature`.
      centring: how the teacher's scores are balanced: "centre" subtracts a running mean, "sinkhorn"
        applies Sinkhorn-Knopp.
      centre_momentum: fraction of the old centre that is kept in a step.
      freeze_epochs: number of epochs for which the prototypes are frozen.
      hidden: widths of the head's hidden layers.
      bottleneck: output width of the projector, whose output is compared with the prototypes.
      prototypes: number of prototypes.
      norm: normalisation in the head, "none", "batch" or "layer".
      kernel_init: initialiser of the projector; the default suits widths of about 2048.
      dtype: dtype in which the head computes.
    """

    revision: ClassVar[int] = 2  # prototypes and projectors start as the authors'

    momentum: Unit = 0.996
    momentum_end: Unit = 1.0
    student_temperature: Positive = 0.1
    temperature: Positive = 0.04
    temperature_start: Positive = 0.04
    temperature_warmup: NonNegative = 0.0
    centring: Literal["centre", "sinkhorn"] = "centre"
    centre_momentum: Unit = 0.9
    freeze_epochs: NonNegative = 1.0
    hidden: Layers = (2048, 2048)
    bottleneck: Count = 256
    prototypes: Several = 65536
    norm: str = "none"
    kernel_init: str = "trunc_normal"
    dtype: str = "float32"

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of encoder and heads, which evaluation uses."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end, evaluated=True)}

    def head(self, prototypes: int | None = None) -> PrototypeHead:
        """Projector with a bottleneck, and prototypes compared by cosine similarity.

        Args:
          prototypes: number of prototypes; None for the value of the field.
        """
        projector = MLPHead(
            self.hidden,
            self.bottleneck,
            norm=self.norm,
            activation="gelu",
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )
        count = prototypes or self.prototypes
        # Only directions matter, but the norm sets the angle of a step; it is PyTorch's.
        last = Prototypes(count, kernel_init="uniform_fan_in", dtype=self.dtype)
        return PrototypeHead(projector, last)

    def init_memory(self, step: Step) -> Memory:
        """The teacher, equal to the student, and a centre of zeros."""
        return {**super().init_memory(step), "centre": jnp.zeros((self.prototypes,))}

    def teacher_temperature(self, progress: Progress) -> jax.Array:
        """The teacher's temperature, float32 scalar; linear during the warm-up, then constant."""
        if not self.temperature_warmup:
            return jnp.float32(self.temperature)
        done = progress.epoch / self.temperature_warmup
        return linear(self.temperature_start, self.temperature, done)

    def crops_loss(self, step: Step, outputs: Outputs) -> jax.Array:
        """Cross-entropy between all pairs of different crops, in nats: float32 scalar."""
        targets = self._targets(step, outputs["teacher"], "centre")
        scores = outputs["student"]
        return jnp.mean(cross_view(scores, targets, temperature=self.student_temperature))

    def patches_loss(self, step: Step, outputs: Outputs) -> jax.Array:
        """Cross-entropy at masked patches, the mean over crops of their means, float32."""
        masked, scores = outputs["masked"], outputs["student_patches"]
        targets = self._targets(step, outputs["teacher_patches"], "patch_centre", masked)
        error = soft_cross_entropy(scores, targets, temperature=self.student_temperature)
        tokens = masked.shape[-1]
        return jnp.mean(masked_mean(error.reshape(-1, tokens), masked.reshape(-1, tokens)))

    def _targets(
        self, step: Step, scores: jax.Array, centre: str, weights: jax.Array | None = None
    ) -> jax.Array:
        temperature = self.teacher_temperature(step.progress)
        options = {"centring": self.centring, "centre": step.memory[centre], "weights": weights}
        return teacher_targets(scores, temperature=temperature, **options)

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Moves the centres towards the teacher's scores of the batch."""
        memory, momentum = dict(step.memory), self.centre_momentum
        memory["centre"] = update_centre(memory["centre"], outputs["teacher"], momentum=momentum)
        if "patch_centre" in memory:
            scores, weights = outputs["teacher_patches"], outputs["masked"]
            moved = update_centre(
                memory["patch_centre"], scores, momentum=momentum, weights=weights
            )
            memory["patch_centre"] = moved
        return memory

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Freezes the prototypes for the first `freeze_epochs` epochs."""
        return hold(updates, "prototypes", step.progress.epoch < self.freeze_epochs)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Scores of two crops, the teacher's assignments and the teacher-student distance."""
        student, teacher = outputs["student"], outputs["teacher"]
        assignments = jax.nn.softmax(teacher[:, 0].astype(jnp.float32) / self.temperature)
        return Monitored(
            embeddings={"student": student[:, 0], "teacher": teacher[:, 1]},
            pairs={"views": (student[:, 0], teacher[:, 1])},
            assignments={"teacher": assignments},
            teachers=self.distances(step),
            trivial_loss=jnp.log(jnp.float32(self.prototypes)),
        )

    def smoke(self) -> Method:
        """64 prototypes and a head of width 32."""
        small = {"hidden": (32, 32), "bottleneck": 16, "prototypes": 64, "kernel_init": "lecun"}
        return dataclasses.replace(self, **small)


@dataclasses.dataclass(frozen=True)
class PatchSelfDistillation(SelfDistillation):
    """Self-distillation of crops and of patches that are masked in the student's input.

    The fields are those of `SelfDistillation`, and:

    Attributes:
      patch_weight: weight of the patch loss.
      shared_head: whether images and patches share one head.
      patch_prototypes: number of prototypes of the patch head when it is separate.
    """

    temperature: Positive = 0.07
    temperature_warmup: NonNegative = 30.0
    prototypes: Several = 8192
    patch_weight: NonNegative = 1.0
    shared_head: bool = True
    patch_prototypes: Several = 8192

    def patch_head(self) -> PrototypeHead | None:
        """The head of the patches; None if images and patches share one."""
        return None if self.shared_head else self.head(self.patch_prototypes)

    def init_memory(self, step: Step) -> Memory:
        """The teacher and two centres of zeros."""
        size = self.prototypes if self.shared_head else self.patch_prototypes
        return {**super().init_memory(step), "patch_centre": jnp.zeros((size,))}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """As without patches; the trivial loss includes the patches' part."""
        found = super().monitor(step, outputs)
        return found._replace(trivial_loss=found.trivial_loss + self.trivial_patches(outputs))

    def trivial_patches(self, outputs: Outputs) -> jax.Array:
        """The patches' trivial loss times the fraction of crops with masked patches, float32.

        Args:
          outputs: `masked` bool [B, G, M] and `teacher_patches` [B, G, M, K] of `forward`.
        """
        share = jnp.mean(jnp.any(outputs["masked"], axis=-1).astype(jnp.float32))
        prototypes = jnp.float32(outputs["teacher_patches"].shape[-1])
        return self.patch_weight * share * jnp.log(prototypes)

    def smoke(self) -> Method:
        """64 prototypes and heads of width 32."""
        return dataclasses.replace(super().smoke(), patch_prototypes=48)
