"""Distillation: match a frozen teacher's class probabilities on unlabelled examples.

Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners", 2020 (SimCLRv2).
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Layers, Positive, Several
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.siamese import Siamese
from jssl.methods.teacher import new_teacher
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.classification import soft_cross_entropy
from jssl.objectives.common import log_softmax


@dataclasses.dataclass(frozen=True)
class Distill(Method):
    """Cross-entropy between the teacher's and the student's probabilities (eq. 2, third stage).

    Teacher and student are both initialised from a fine-tuned run, given with `--init-from RUN`.
    Without it the teacher is a random net and gives no useful signal.

    Equation: L = -sum_c softmax(t(x) / T)[c] log softmax(s(x) / T)[c], where t is the teacher and s
    the student.

    Views: one input [B, ...]; teacher and student see the same view.

    Remembers: the teacher, a fine-tuned net of the student's architecture (self-distillation), in
    evaluation mode and never updated: its BatchNorm uses the running statistics of the fine-tuned
    run.

    Collapse: impossible with a trained teacher, which is a fixed function that the student
    converges to.

    Defaults: from the paper for ImageNet (section 2 and appendix C: temperature 0.1, no labels in
    the loss; LARS at 0.1 x sqrt(batch) with batch 4096, weight decay 1e-6, 400 epochs, SimCLR's
    crops and flips; the values of the optimizer are unverified).

    Differs from the authors' code: teacher and student have the same architecture; a smaller
    student, which would need a separate net for the teacher, is not supported.

    Attributes:
      classes: number of classes.
      hidden: widths of the projector's layers that are kept, each with norm and ReLU.
      norm: normalisation in the kept layers, "batch", "layer" or "none".
      dtype: dtype in which the head computes.
      temperature: temperature of both softmaxes.
    """

    classes: Several = 1000
    hidden: Layers = (2048,)
    norm: str = "batch"
    dtype: str = "float32"
    temperature: Positive = 0.1

    couples_batch: ClassVar[bool] = False
    views: ClassVar[Spec] = Spec.single()
    paper: ClassVar[str] = "Big Self-Supervised Models are Strong Semi-Supervised Learners"
    partial: ClassVar[str] = (
        "A student of another size than the teacher is missing; the experiment stands on "
        "procedural shapes alone."
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and classifier."""
        head = MLPHead(self.hidden, self.classes, norm=self.norm, dtype=self.dtype)
        return Siamese(encoder, head)

    def inherited(self) -> tuple[str, ...]:
        """The whole fine-tuned net."""
        return ("encoder", "projector")

    def init_memory(self, step: Step) -> Memory:
        """A teacher equal to the student."""
        return {"teacher": new_teacher(step.params, step.batch_stats)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` of the student and of the `teacher`, each [B, classes]."""
        (logits, _) = step.student(the_input(views))
        teacher = step.memory["teacher"]
        taught = step.replace(params=teacher["params"], batch_stats=teacher["stats"])
        target, _ = taught.predict(the_input(views))
        return {"logits": logits, "teacher": jax.lax.stop_gradient(target)}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy averaged over the batch; at least the teacher's entropy."""
        logits, teacher = outputs["logits"], outputs["teacher"]
        target = jnp.exp(log_softmax(teacher, temperature=self.temperature))
        loss = soft_cross_entropy(logits, target, temperature=self.temperature)
        agreement = jnp.argmax(logits, axis=-1) == jnp.argmax(teacher, axis=-1)
        return jnp.mean(loss), {"agreement": jnp.mean(agreement.astype(jnp.float32))}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The teacher's probabilities."""
        target = jnp.exp(log_softmax(outputs["teacher"], temperature=self.temperature))
        return Monitored(assignments={"teacher": target})

    def smoke(self) -> Method:
        """Kept layers of width 16."""
        return dataclasses.replace(self, hidden=(16,) * len(self.hidden))
