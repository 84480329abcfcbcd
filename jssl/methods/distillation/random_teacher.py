"""Random Teachers: train a student to match a fixed, randomly initialised teacher.

Sarnthein et al., "Random Teachers are Good Teachers", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.layers import matrices, stacked
from jssl.core.ranges import Count, Layers, Positive, Several, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.multicrop import MultiCrop
from jssl.methods.self_distillation import SelfDistillation
from jssl.methods.teacher import new_teacher
from jssl.nn import module as nn
from jssl.objectives.classification import soft_cross_entropy
from jssl.objectives.common import log_softmax


@dataclasses.dataclass(frozen=True)
class RandomTeacher(Method):
    """Cross-entropy of the student's softmax with that of a fixed random net (eq. 1).

    The student starts at `alpha * teacher + (1 - alpha) * fresh`, divided by the square root of
    `alpha^2 + (1 - alpha)^2` to preserve the variance. It learns features while it approaches the
    teacher.

    Equation: L = -sum_k softmax(g_t(x) / T_t)[k] log softmax(g_s(x) / T_s)[k], where g_t is the
    random teacher, g_s the student, and T_t and T_s are the temperatures.

    Views: one input [B, ...], not augmented in the paper; both nets see the same input.

    Remembers: the teacher, which is never updated.

    Collapse: impossible, because the teacher is a fixed function and the loss is least where the
    student equals it.

    Defaults: from the authors' code configuration (head 2048 - 2048 - 256 with 65536 prototypes,
    both temperatures 1, no centring; AdamW at 1e-3, batch 256, no weight decay). `alpha` is 0, an
    independent student, in most of the paper's tables; this is unverified for the individual
    tables.

    BatchNorm of the teacher: training uses the statistics of the teacher's own batch. The authors
    run the teacher in evaluation mode with statistics collected from the data.

    Differs from the authors' code: the teacher's BatchNorm, as described above; the gain of the
    last layer is fixed; the teacher is derived from the student instead of the reverse, which is
    the same relation, and its independent part is the student's kernels with shuffled entries.

    Attributes:
      alpha: weight of the teacher in the student's initial parameters, 0 to 1.
      temperature: temperature of the teacher's softmax.
      student_temperature: temperature of the student's softmax.
      hidden: widths of the head's hidden layers.
      bottleneck: output width of the projector, whose output is compared with the prototypes.
      prototypes: number of prototypes.
      norm: normalisation in the head, "none", "batch" or "layer".
      kernel_init: initialiser of the projector; the default suits widths of about 2048.
      dtype: dtype in which the head computes.
    """

    alpha: Unit = 0.0
    temperature: Positive = 1.0
    student_temperature: Positive = 1.0
    hidden: Layers = (2048, 2048)
    bottleneck: Count = 256
    prototypes: Several = 65536
    norm: str = "none"
    kernel_init: str = "trunc_normal"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single()
    revision: ClassVar[int] = 2  # the prototypes start longer
    paper: ClassVar[str] = "Random Teachers are Good Teachers"
    partial: ClassVar[str] = (
        "Of the paper's three claims one is here, that the student learns features; its "
        "sparse subnetworks (pruning with rewinding) and the basin of linearly connected "
        "solutions around the teacher are not measured."
    )
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("teacher",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and head, as in DINO."""
        return MultiCrop(encoder, SelfDistillation.head(self))

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return ((the_input(views)[:, None],),)

    def init_memory(self, step: Step) -> Memory:
        """A random teacher, mixed with the student by `alpha`."""
        leaves, structure = jax.tree.flatten(step.params)
        kinds = map(jax.tree.leaves, (matrices(step.params), stacked(step.params)))
        drawn = zip(leaves, *kinds, strict=True)
        scale = (self.alpha**2 + (1 - self.alpha) ** 2) ** -0.5

        def mixed(key: jax.Array, x: jax.Array, matrix: bool, many: bool) -> jax.Array:
            if not matrix:  # biases and scales have equal initial values
                return x
            if many:  # each layer of a stack keeps its own values
                rows = x.reshape(len(x), -1)
                fresh = jax.random.permutation(key, rows, axis=1, independent=True)
            else:
                fresh = jax.random.permutation(key, x.reshape(-1))
            fresh = fresh.reshape(x.shape)
            return scale * (self.alpha * x + (1 - self.alpha) * fresh)

        keys = jax.random.split(step.key, len(leaves))
        random = [mixed(key, *part) for key, part in zip(keys, drawn, strict=True)]
        return {"teacher": new_teacher(structure.unflatten(random), step.batch_stats)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """Scores of the `student` and the `teacher`, [B, K]."""
        crops = (the_input(views)[:, None],)
        (_, student) = step.student(crops)
        _, teacher = step.teacher(crops)
        return {"student": student[:, 0], "teacher": teacher[:, 0]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy in nats, averaged over the batch; at least the teacher's own entropy."""
        targets = jnp.exp(log_softmax(outputs["teacher"], temperature=self.temperature))
        loss = soft_cross_entropy(outputs["student"], targets, temperature=self.student_temperature)
        return jnp.mean(loss), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The student's scores, and the teacher-student distance."""
        teacher = {"teacher": (step.params, step.memory["teacher"]["params"])}
        return Monitored(embeddings={"student": outputs["student"]}, teachers=teacher)

    def smoke(self) -> Method:
        """64 prototypes and a head of width 32."""
        small = {"hidden": (32, 32), "bottleneck": 16, "prototypes": 64, "kernel_init": "lecun"}
        return dataclasses.replace(self, **small)
