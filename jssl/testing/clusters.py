"""Minimal self-distillation with prototypes, after DINO; used only to test the alarm."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Step
from jssl.methods.siamese import Siamese
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead, Prototypes


@dataclasses.dataclass(frozen=True)
class Clusters(Method):
    """The student predicts the teacher's centred and sharpened assignment of another view.

    Attributes:
      prototypes: number of prototypes.
      temperature: temperature of the student.
      teacher_temperature: temperature of the teacher.
      momentum: momentum of the teacher.
      centre_momentum: momentum of the centre; 1 disables centring, as the centre starts at 0.
    """

    prototypes: int = 32
    temperature: float = 0.1
    teacher_temperature: float = 0.05
    momentum: float = 0.98
    centre_momentum: float = 0.9

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and prototypes."""
        projector = MLPHead((128,), 64)
        return Siamese(encoder, projector, _Scores(self.prototypes))

    def teachers(self) -> dict[str, MomentumTeacher]:
        """An exponential moving average of the net."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum)}

    def init_memory(self, step: Step) -> Memory:
        """Teacher and centre."""
        return {**super().init_memory(step), "centre": jnp.zeros((self.prototypes,))}

    def forward(self, step: Step, views: Any) -> Outputs:
        """Prototype scores of student and teacher, [B, prototypes]."""
        outputs = {}
        for name in ("a", "b"):
            (_, scores) = step.student(views[name])
            outputs[f"student_{name}"] = scores
            outputs[f"teacher_{name}"] = step.teacher(views[name])[1]
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Symmetrised cross-entropy."""
        loss = 0.0
        for mine, other in (("a", "b"), ("b", "a")):
            target = self._assign(outputs[f"teacher_{other}"], step.memory)
            log_q = jax.nn.log_softmax(outputs[f"student_{mine}"] / self.temperature)
            loss -= jnp.mean(jnp.sum(target * log_q, axis=1))
        return loss / 2, {}

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Moves the centre towards the mean of the teacher's scores."""
        scores = jnp.concatenate([outputs["teacher_a"], outputs["teacher_b"]])
        m = self.centre_momentum
        centre = m * step.memory["centre"] + (1 - m) * jnp.mean(scores, axis=0)
        return {**step.memory, "centre": centre}

    def _assign(self, scores: jax.Array, memory: Memory) -> jax.Array:
        return jax.nn.softmax((scores - memory["centre"]) / self.teacher_temperature)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The teacher's assignments; the trivial loss is ln K."""
        return Monitored(
            assignments={"teacher": self._assign(outputs["teacher_a"], step.memory)},
            teachers=self.distances(step),
            trivial_loss=math.log(self.prototypes),
        )


class _Scores(nn.Module):
    count: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return Prototypes(self.count)(x)
