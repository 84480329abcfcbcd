"""Distillation: imitate a frozen teacher's class probabilities on unlabelled examples.

Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners", 2020 (SimCLRv2).
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import Memory, Metrics, Outputs, Tree, Views, apply, the_input
from jssl.methods.semisupervised.finetune import FineTune
from jssl.methods.teacher import new_teacher
from jssl.objectives.classification import soft_cross_entropy
from jssl.objectives.common import log_softmax
from jssl.ranges import Positive


@dataclasses.dataclass(frozen=True)
class Distill(FineTune):
    """Cross-entropy of the teacher's probabilities and the student's (eq. 2), the third stage.

    Teacher and student both start as the net of a fine-tuned run, given with `--init-from RUN`;
    without one the teacher is a random net, which teaches nothing.

    Equation: L = -sum_c softmax(t(x) / T)[c] log softmax(s(x) / T)[c].

    Views: one input [B, ...]; both see the same view.

    Remembers: the teacher, a fine-tuned net of the student's own form (self-distillation), in
    evaluation mode and never updated: its BatchNorm uses the running statistics it came with.

    Collapse: impossible with a teacher that was trained; the student becomes what it is.

    Defaults are the paper's for ImageNet (section 2 and appendix C: temperature 0.1, no labels in
    the loss; LARS at 0.1 x sqrt(batch) with batch 4096, weight decay 1e-6, 400 epochs, SimCLR's
    crops and flips; the figures of the optimizer are unverified).

    Differs from the authors' code: teacher and student have one form; a smaller student needs a
    net of its own for the teacher.

    Attributes:
      temperature: of both distributions.
    """

    temperature: Positive = 0.1

    paper: ClassVar[str] = "Big Self-Supervised Models are Strong Semi-Supervised Learners"
    partial: ClassVar[str] = (
        "A student of another size than the teacher is missing; the experiment stands on "
        "procedural shapes alone."
    )

    def inherited(self) -> tuple[str, ...]:
        """All of the fine-tuned net."""
        return ("encoder", "projector")

    def init_memory(self, rng: jax.Array, params: Tree, stats: Tree) -> Memory:
        """A teacher equal to the student."""
        return {"teacher": new_teacher(params, stats)}

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
        """`logits` of the student and of the `teacher`, each [B, classes]."""
        (logits, _), stats = apply(net, params, stats, the_input(views), rng=rng)
        teacher = memory["teacher"]
        variables = {"params": teacher["params"], **teacher["stats"]}
        target, _ = net.apply(variables, the_input(views), train=False)
        return {"logits": logits, "teacher": jax.lax.stop_gradient(target)}, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Cross-entropy averaged over the batch; at least the teacher's entropy."""
        logits, teacher = outputs["logits"], outputs["teacher"]
        target = jnp.exp(log_softmax(teacher, temperature=self.temperature))
        loss = soft_cross_entropy(logits, target, temperature=self.temperature)
        agreement = jnp.argmax(logits, axis=-1) == jnp.argmax(teacher, axis=-1)
        return jnp.mean(loss), (memory, {"agreement": jnp.mean(agreement.astype(jnp.float32))})

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """The teacher's probabilities."""
        target = jnp.exp(log_softmax(outputs["teacher"], temperature=self.temperature))
        return Monitored(assignments={"teacher": target})
