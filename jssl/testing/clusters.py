"""The smallest self-distillation with prototypes, after DINO: for tests of the alarm alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import Memory, Method, Metrics, Outputs, Tree, apply, same_tree
from jssl.methods.siamese import Siamese
from jssl.methods.teacher import new_teacher, run_teacher, update_teacher
from jssl.nn.heads import MLPHead, Prototypes


@dataclasses.dataclass(frozen=True)
class Clusters(Method):
    """The student predicts the teacher's centred and sharpened assignment of another view.

    Attributes:
      prototypes: how many.
      temperature: of the student.
      teacher_temperature: of the teacher.
      momentum: of the teacher.
      centre_momentum: of the mean that is subtracted; 1 for none, as it starts at 0.
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

    def init_memory(self, rng: jax.Array, params: Tree, stats: Tree) -> Memory:
        """Teacher and centre."""
        return {"teacher": new_teacher(params, stats), "centre": jnp.zeros((self.prototypes,))}

    def forward(
        self,
        net: nn.Module,
        params: Tree,
        stats: Tree,
        memory: Memory,
        views: Any,
        *,
        rng: jax.Array,
        clock: Clock,
    ) -> tuple[Outputs, Tree]:
        """Scores of student and teacher, [B, prototypes]."""
        outputs = {}
        for name in ("a", "b"):
            (_, scores), stats = apply(net, params, stats, views[name], rng=rng)
            outputs[f"student_{name}"] = scores
            outputs[f"teacher_{name}"] = run_teacher(net, memory["teacher"], views[name], rng=rng)[
                1
            ]
        return outputs, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Cross-entropy both ways round."""
        loss = 0.0
        for mine, other in (("a", "b"), ("b", "a")):
            target = self._assign(outputs[f"teacher_{other}"], memory)
            log_q = jax.nn.log_softmax(outputs[f"student_{mine}"] / self.temperature)
            loss -= jnp.mean(jnp.sum(target * log_q, axis=1))
        scores = jnp.concatenate([outputs["teacher_a"], outputs["teacher_b"]])
        m = self.centre_momentum
        centre = m * memory["centre"] + (1 - m) * jnp.mean(scores, axis=0)
        return loss / 2, ({**memory, "centre": centre}, {})

    def _assign(self, scores: jax.Array, memory: Memory) -> jax.Array:
        return jax.nn.softmax((scores - memory["centre"]) / self.teacher_temperature)

    def after_update(self, params: Tree, stats: Tree, memory: Memory, *, clock: Clock) -> Memory:
        """Moves the teacher."""
        teacher = update_teacher(memory["teacher"], params, stats, self.momentum)
        return {**memory, "teacher": teacher}

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """The teacher's assignments; the trivial loss is ln K."""
        return Monitored(
            assignments={"teacher": self._assign(outputs["teacher_a"], memory)},
            teachers=same_tree(params, memory),
            trivial_loss=math.log(self.prototypes),
        )


class _Scores(nn.Module):
    count: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return Prototypes(self.count)(x)
