"""MoCo v3: identify the teacher's key of the other view among the keys of the batch.

Chen et al., "An Empirical Study of Training Self-Supervised Vision Transformers", 2021.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.ranges import Count, Layers, Positive, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.freeze import hold
from jssl.methods.siamese import Siamese
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import info_nce


@dataclasses.dataclass(frozen=True)
class MoCoV3(Method):
    """Symmetric InfoNCE of predictions with the teacher's keys, times 2 T (algorithm 1).

    Equation: L = 2 T (ctr(q_a, k_b) + ctr(q_b, k_a)); ctr(q, k)_i = -log softmax over j of (q_i.k_j
    / T) at j = i, where q are the student's predictions and k the teacher's keys.

    Views: `a` and `b`, each [B, ...], passed through the net one after the other.

    Remembers: the teacher, a moving average of encoder and projector.

    Collapse: prevented by the negatives, which are the keys of the other examples. Large ViTs show
    dips of instability; to avoid them the patch projection stays at its random initial values:
    updates of parameters whose path matches `frozen` are zero (section 4.2). An encoder without
    such parameters has none frozen.

    Defaults: from the paper for ViTs on ImageNet (section 5 and the authors' code: temperature 0.2,
    momentum 0.99 to 1 on a cosine schedule, projector 4096 - 4096 - 256 and predictor 4096 - 256,
    both ending with a BatchNorm without learned scale and shift; batch 4096, AdamW at 1.5e-4 x
    batch / 256, weight decay 0.1, 40 epochs of warm-up). A ResNet's projector has one hidden layer,
    and its predictor no last BatchNorm (`last_norm=False`).

    BatchNorm of the teacher: in training it uses the statistics of its own batch; its running
    statistics are a moving average of the student's.

    Differs from the authors' code: linear layers of the heads are initialised from a normal
    distribution with variance 1 / fan_in; PyTorch's default, for biases too, is uniform within 1 /
    sqrt(fan_in), which has 0.58 times that standard deviation. The BatchNorm that follows cancels
    the biases. No other difference is known. Their ViT initialises queries, keys and values as
    three matrices and the class token with 1e-6 (`kernel_init="xavier_split"`, `token_std=1e-6`; so
    does `image/moco_v3_imagenet`).

    Attributes:
      temperature: temperature of the softmax.
      momentum: momentum of the teacher at the first step; it rises to `momentum_end` on a cosine
        schedule.
      momentum_end: momentum of the teacher at the last step.
      hidden: widths of the projector's hidden layers.
      out: width of the projection and the prediction.
      predictor: width of the predictor's hidden layer.
      last_norm: whether the predictor ends with a normalisation.
      frozen: regular expression of the paths of parameters that keep their initial values; "" for
        none.
      norm: normalisation in the heads, "batch", "layer" or "none".
      dtype: dtype in which the heads compute.
    """

    temperature: Positive = 0.2
    momentum: Unit = 0.99
    momentum_end: Unit = 1.0
    hidden: Layers = (4096, 4096)
    out: Count = 256
    predictor: Count = 4096
    last_norm: bool = True
    frozen: str = "^encoder/patch_embedding/"
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "An Empirical Study of Training Self-Supervised Vision Transformers"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and predictor."""
        return Siamese(
            encoder, self._head(self.hidden, True), self._head((self.predictor,), self.last_norm)
        )

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the encoder, the projector and the predictor."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """Predictions of the student and keys of the teacher for both views, [B, out]."""
        outputs = {}
        for name, key in zip(("a", "b"), jax.random.split(step.key), strict=True):
            (_, outputs[f"query_{name}"]) = step.student(views[name], key=key)
            outputs[f"key_{name}"], _ = step.teacher(views[name], key=key)
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Sum of the two directions, averaged over the batch."""
        own = jnp.arange(outputs["query_a"].shape[0])
        loss = sum(
            info_nce(
                outputs[f"query_{one}"],
                outputs[f"key_{other}"],
                positives=own,
                temperature=self.temperature,
            )
            for one, other in (("a", "b"), ("b", "a"))
        )
        return 2 * self.temperature * jnp.mean(loss), {}

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Zero for the frozen parameters."""
        return hold(updates, self.frozen) if self.frozen else updates

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Predictions and keys, and the teacher-student distance; the trivial loss is 4 T ln B."""
        query, key = outputs["query_a"], outputs["key_b"]
        return Monitored(
            embeddings={"query": query, "key": key},
            pairs={"views": (query, key)},
            teachers=self.distances(step),
            trivial_loss=4 * self.temperature * math.log(query.shape[0]),
        )

    def smoke(self) -> Method:
        """Heads of width 32."""
        return dataclasses.replace(self, hidden=(32, 32), out=16, predictor=32)

    def _head(self, hidden: tuple[int, ...], last_norm: bool) -> MLPHead:
        last_norm = last_norm and self.norm != "none"
        return MLPHead(
            hidden,
            self.out,
            norm=self.norm,
            hidden_bias=False,
            last_norm=last_norm,
            last_bias=False,
            last_scale=False,
            last_shift=False,
            dtype=self.dtype,
        )
