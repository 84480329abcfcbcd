"""DINO: a student predicts, from any crop, the soft assignment a slow teacher gives to large crops.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax

from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MultiCrop, all_crops, global_crops
from jssl.methods.self_distillation import SelfDistillation


@dataclasses.dataclass(frozen=True)
class DINO(SelfDistillation):
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

    views: ClassVar[Spec] = Spec.multicrop()
    paper: ClassVar[str] = "Emerging Properties in Self-Supervised Vision Transformers"
    symmetric_views: ClassVar[tuple[str, ...]] = ("a", "b")
    targets: ClassVar[tuple[str, ...]] = ("teacher",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and head."""
        return MultiCrop(encoder, self.head())

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return (all_crops(views),)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Scores of the `student` [B, V, K] for all crops, of the `teacher` [B, 2, K] for two."""
        (_, student) = step.student(all_crops(views))
        _, teacher = step.teacher((global_crops(views),))
        return {"student": student, "teacher": teacher}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy over the batch, in nats; ln K where the two agree on nothing."""
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        return self.crops_loss(step, outputs), metrics
