"""DINO: a student predicts, from any crop, the soft assignment a slow teacher gives to large crops.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock, linear
from jssl.methods.base import (
    Memory,
    Method,
    Metrics,
    Outputs,
    Tree,
    Views,
    apply,
)
from jssl.methods.freeze import hold
from jssl.methods.multicrop import MultiCrop, PrototypeHead, all_crops, global_crops
from jssl.methods.teacher import Taught, run_teacher
from jssl.nn.heads import MLPHead, Prototypes
from jssl.objectives.distillation import cross_view, teacher_targets, update_centre
from jssl.ranges import Count, Layers, NonNegative, Positive, Several, Unit


@dataclasses.dataclass(frozen=True)
class DINO(Taught):
    """Cross-entropy of the student's softmax with the teacher's, over all pairs of crops (eq. 3).

    Equation: L = mean over teacher crops t and other student crops s of -sum_k softmax((g_t - c) /
    T_t)[k] log softmax(g_s / T_s)[k].

    Views: `a` and `b` [B, ...] for both nets, and optionally `local` [B, V, ...] for the student
    alone. The teacher is what evaluation sees, as in the paper.

    Remembers: the teacher (a moving average of encoder and head) and the centre of its scores.

    Collapse: to one prototype is kept off by the centre, to a uniform assignment by the teacher's
    low temperature; with `centring="sinkhorn"` the batch is balanced instead (as in DINOv2) and
    there is no centre.

    Defaults are those of the authors' code (head 2048 - 2048 - 256, 65536 prototypes, student at
    0.1, teacher at 0.04, centre momentum 0.9, teacher momentum 0.996 to 1 by a cosine, prototypes
    held for an epoch; AdamW at 5e-4 x batch / 256, 10 epochs of warm-up, weight decay 0.04 to 0.4
    by a cosine, the gradient of each array clipped at 3). For long runs of ViT-S the teacher warms
    from 0.04 to 0.07 in 30 epochs. The small experiments keep a constant weight decay (0.4 is a
    value for runs of 10^5 steps) and clip all gradients together.

    BatchNorm of the teacher: statistics of its own batch in training, averaged running ones in
    evaluation; the authors do the former and copy none, so their running ones are the teacher's.

    Differs from the authors' code: the gain of the last layer is always fixed (their ViT-S learns
    it); the temperature warms up by steps, not by epochs; held prototypes still gather moments in
    the optimizer.

    Attributes:
      momentum: of the teacher at the first step.
      momentum_end: of the teacher at the last step.
      student_temperature: of the student's softmax.
      temperature: of the teacher's softmax, after the warm-up.
      temperature_start: of the teacher's softmax at the first step.
      temperature_warmup: epochs from one to the other.
      centring: "centre" or "sinkhorn".
      centre_momentum: share of the old centre kept in a step.
      freeze_epochs: epochs for which the prototypes stay as they are.
      hidden: widths of the head's hidden layers.
      bottleneck: width of what is compared with the prototypes.
      prototypes: their number.
      norm: normalisation in the head, "none", "batch" or "layer".
      kernel_init: initialiser of the projector; the default suits widths of about 2048.
      dtype: dtype in which the head computes.
    """

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

    evaluated: ClassVar[str] = "teacher"
    paper: ClassVar[str] = "Emerging Properties in Self-Supervised Vision Transformers"
    symmetric_views: ClassVar[tuple[str, ...]] = ("a", "b")
    targets: ClassVar[tuple[str, ...]] = ("teacher",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and head."""
        return MultiCrop(encoder, self.head())

    def head(self) -> PrototypeHead:
        """Projector with a bottleneck, and prototypes compared by cosine."""
        projector = MLPHead(
            self.hidden,
            self.bottleneck,
            norm=self.norm,
            activation="gelu",
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )
        # Only directions count, but the length says how far a step turns one: it is PyTorch's.
        last = Prototypes(self.prototypes, kernel_init="uniform_fan_in", dtype=self.dtype)
        return PrototypeHead(projector, last)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return (all_crops(views),)

    def init_memory(self, rng: jax.Array, params: Tree, stats: Tree) -> Memory:
        """The teacher, equal to the student, and a centre of zeros."""
        memory = super().init_memory(rng, params, stats)
        return {**memory, "centre": jnp.zeros((self.prototypes,))}

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
        """Scores of the `student` [B, V, K] for all crops, of the `teacher` [B, 2, K] for two."""
        (_, student), stats = apply(net, params, stats, all_crops(views), rng=rng)
        _, teacher = run_teacher(net, memory["teacher"], (global_crops(views),), rng=rng)
        return {"student": student, "teacher": teacher}, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Cross-entropy over the batch, in nats; ln K where the two agree on nothing."""
        temperature = self.teacher_temperature(clock)
        targets = teacher_targets(
            outputs["teacher"],
            temperature=temperature,
            centring=self.centring,
            centre=memory["centre"],
        )
        loss = jnp.mean(
            cross_view(outputs["student"], targets, temperature=self.student_temperature)
        )
        centre = update_centre(memory["centre"], outputs["teacher"], momentum=self.centre_momentum)
        metrics = {"teacher_momentum": self.teacher_momentum(clock)}
        metrics["teacher_temperature"] = temperature
        return loss, ({**memory, "centre": centre}, metrics)

    def scale_updates(self, updates: Tree, *, clock: Clock) -> Tree:
        """Holds the prototypes for the first epochs."""
        return hold(updates, "prototypes", clock.epoch < self.freeze_epochs)

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """Scores of two crops, the teacher's assignments, the distance of the teacher."""
        student, teacher = outputs["student"], outputs["teacher"]
        assignments = jax.nn.softmax(teacher[:, 0].astype(jnp.float32) / self.temperature)
        return Monitored(
            embeddings={"student": student[:, 0], "teacher": teacher[:, 1]},
            pairs={"views": (student[:, 0], teacher[:, 1])},
            assignments={"teacher": assignments},
            teachers=self.distance(params, memory),
            trivial_loss=jnp.log(jnp.float32(self.prototypes)),
        )

    def teacher_temperature(self, clock: Clock) -> jax.Array:
        """The teacher's temperature, float32 scalar; a line and then a constant."""
        if not self.temperature_warmup:
            return jnp.float32(self.temperature)
        done = clock.epoch / self.temperature_warmup
        return linear(self.temperature_start, self.temperature, done)

    def smoke(self) -> Method:
        """64 prototypes and a head of width 32."""
        small = {"hidden": (32, 32), "bottleneck": 16, "prototypes": 64, "kernel_init": "lecun"}
        return dataclasses.replace(self, **small)
