"""DINO: predict, from any crop, a momentum teacher's soft prototype assignment of a large crop.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax

from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MultiCrop, all_crops, global_crops
from jssl.methods.self_distillation import SelfDistillation
from jssl.nn import module as nn


@dataclasses.dataclass(frozen=True)
class DINO(SelfDistillation):
    """Cross-entropy of the student's softmax with the teacher's, over all pairs of crops (eq. 3).

    Equation: L = mean over teacher crops t and other student crops s of -sum_k softmax((g_t - c) /
    T_t)[k] log softmax(g_s / T_s)[k], where g_t and g_s are the scores of teacher and student, c is
    the centre, and T_t and T_s are the temperatures.

    Views: `a` and `b` [B, ...] for student and teacher, and optionally `local` [B, V, ...] for the
    student only. Evaluation uses the teacher, as in the paper.

    Remembers: the teacher, a moving average of encoder and head, and the centre of its scores.

    Collapse: centring prevents collapse to one prototype; the teacher's low temperature prevents
    collapse to a uniform assignment. With `centring="sinkhorn"` Sinkhorn-Knopp balances the
    assignments of the batch (as in DINOv2) and there is no centre.

    Defaults: from the authors' code (head 2048 - 2048 - 256, 65536 prototypes, student at 0.1,
    teacher at 0.04, centre momentum 0.9, teacher momentum 0.996 to 1 on a cosine schedule,
    prototypes frozen for one epoch; AdamW at 5e-4 x batch / 256, 10 epochs of warm-up, weight decay
    0.04 to 0.4 on a cosine schedule, the gradient of each array clipped at 3). For long runs of
    ViT-S the teacher's temperature rises from 0.04 to 0.07 in 30 epochs. The small experiments keep
    a constant weight decay (0.4 suits runs of 10^5 steps) and clip all gradients together.

    BatchNorm of the teacher: training uses the statistics of the teacher's own batch, evaluation
    the moving average of the student's running statistics. The authors do not average running
    statistics; theirs come from the teacher's own forward passes.

    Differs from the authors' code: the gain of the last layer is always fixed (their ViT-S learns
    it); the temperature warm-up is updated every step, not every epoch; the optimizer still
    accumulates moments for frozen prototypes.

    The fields are those of `SelfDistillation`.
    """

    views: ClassVar[Spec] = Spec.multicrop()
    paper: ClassVar[str] = "Emerging Properties in Self-Supervised Vision Transformers"
    symmetric_views: ClassVar[tuple[str, ...]] = ("a", "b")
    targets: ClassVar[tuple[str, ...]] = ("teacher",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and head."""
        return MultiCrop(encoder, self.head())

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (all_crops(views),)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Scores `student` [B, V, K] of all crops and `teacher` [B, 2, K] of the large ones."""
        (_, student) = step.student(all_crops(views))
        _, teacher = step.teacher((global_crops(views),))
        return {"student": student, "teacher": teacher}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy over the batch, in nats; ln K for uniform assignments."""
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        return self.crops_loss(step, outputs), metrics
