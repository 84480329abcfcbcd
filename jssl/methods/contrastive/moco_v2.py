"""MoCo v2: identify the teacher's key of the other view among a queue of earlier keys.

Chen et al., "Improved Baselines with Momentum Contrastive Learning", 2020.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Layers, Positive, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.queue import new_queue, push
from jssl.methods.siamese import Siamese
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.common import l2_normalize
from jssl.objectives.contrastive import queue_nce


@dataclasses.dataclass(frozen=True)
class MoCoV2(Method):
    """InfoNCE with a queue of the teacher's keys (eq. 1 of He et al., 2020).

    Equation: L = -log(exp(q.k / T) / (exp(q.k / T) + sum over queue of exp(q.n / T))), where q is a
    query, k its key and n runs over the keys of the queue.

    Views: `a` (queries) and `b` (keys), each [B, ...]; in both directions if `symmetric` is set.

    Remembers: the teacher, a moving average of encoder and projector, and a queue of its most
    recent keys. The loss is computed before the batch's own keys enter the queue.

    Collapse: prevented by the negatives; a teacher that changes too fast makes the queued keys
    inconsistent.

    Defaults: from the paper for ImageNet (section 3 and He et al., 2020: temperature 0.2, queue of
    65536, momentum 0.999, projector 2048 - 128 without normalisation; SGD at 0.03, batch 256,
    weight decay 1e-4).

    BatchNorm of the teacher: in training it uses the statistics of its own batch; its running
    statistics are a moving average of the student's.

    Differs from the authors' code: BatchNorm statistics are those of the global batch; the authors
    shuffle examples over devices so that queries and keys are normalised in different groups;
    linear layers of the projector are initialised from a normal distribution with variance 1 /
    fan_in; PyTorch's default, for biases too, is uniform within 1 / sqrt(fan_in), which has 0.58
    times that standard deviation.

    Attributes:
      temperature: temperature of the softmax.
      queue: number of keys in the queue.
      momentum: momentum of the teacher at the first step; it moves to `momentum_end` on a cosine
        schedule.
      momentum_end: momentum of the teacher at the last step.
      symmetric: whether each view serves as query and as key.
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the projector computes.
    """

    temperature: Positive = 0.2
    queue: Count = 65536
    momentum: Unit = 0.999
    momentum_end: Unit = 0.999
    symmetric: bool = False
    hidden: Layers = (2048,)
    out: Count = 128
    norm: str = "none"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "Improved Baselines with Momentum Contrastive Learning"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and projector."""
        return Siamese(encoder, MLPHead(self.hidden, self.out, norm=self.norm, dtype=self.dtype))

    def init_memory(self, step: Step) -> Memory:
        """The teacher, equal to the student, and a queue of random keys."""
        return {**super().init_memory(step), "queue": new_queue(step.key, self.queue, self.out)}

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the encoder and projector."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """Queries of the student and keys of the teacher, [B, out] for each direction."""
        outputs = {}
        pairs = (("a", "b"), ("b", "a")) if self.symmetric else (("a", "b"),)
        for (query, key), part in zip(pairs, jax.random.split(step.key, len(pairs)), strict=True):
            (_, outputs[f"query_{query}"]) = step.student(views[query], key=part)
            outputs[f"key_{key}"], _ = step.teacher(views[key], key=part)
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """InfoNCE against the queue."""
        negatives = step.memory["queue"]["rows"]
        loss = queue_nce(
            outputs["query_a"], outputs["key_b"], negatives, temperature=self.temperature
        )
        if self.symmetric:
            back = queue_nce(
                outputs["query_b"], outputs["key_a"], negatives, temperature=self.temperature
            )
            loss = 0.5 * (loss + back)
        return jnp.mean(loss), {}

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Pushes the keys of the batch to the queue."""
        keys = outputs["key_b"]
        if self.symmetric:
            keys = jnp.concatenate([keys, outputs["key_a"]])
        return {**step.memory, "queue": push(step.memory["queue"], l2_normalize(keys))}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Queries and keys, and the teacher-student distance; the trivial loss is ln(queue + 1)."""
        query, key = outputs["query_a"], outputs["key_b"]
        return Monitored(
            embeddings={"query": query, "key": key},
            pairs={"views": (query, key)},
            teachers=self.distances(step),
            trivial_loss=math.log(self.queue + 1),
        )

    def smoke(self) -> Method:
        """A queue of 64 and a projector of width 32."""
        return dataclasses.replace(self, queue=64, hidden=(32,), out=16)
