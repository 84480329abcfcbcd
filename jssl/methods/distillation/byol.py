"""BYOL: predict a momentum teacher's projection of another view.

Grill et al., "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", 2020.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.siamese import Siamese
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.regression import cosine_regression


@dataclasses.dataclass(frozen=True)
class BYOL(Method):
    """Regression of the teacher's normalised projection in both directions (eq. 2, section 3.1).

    Equation: L = (2 - 2 cos(p_a, t_b)) + (2 - 2 cos(p_b, t_a)), where p are the student's
    predictions and t the teacher's projections.

    Views: `a` and `b`, each [B, ...], passed through the net one after the other, so that BatchNorm
    statistics are separate for the two augmentations, as in the authors' code.

    Remembers: the teacher, an exponential moving average of encoder and projector.

    Collapse: no term of the loss prevents it; the predictor, the stopped gradient and the slow
    teacher do.

    Defaults: from the paper for ImageNet (appendix J: projector and predictor 4096 - 256, momentum
    0.996 to 1 on a cosine schedule; batch 4096, LARS at 0.2 x batch / 256, weight decay 1.5e-6).

    BatchNorm of the teacher: in training it uses the statistics of its own batch; its running
    statistics are a moving average of the student's. In the authors' code they come from the
    teacher's own forward passes. They are not used in training in either case.

    Attributes:
      momentum: momentum of the teacher at the first step; it rises to `momentum_end` on a cosine
        schedule.
      momentum_end: momentum of the teacher at the last step.
      hidden: width of the hidden layer of the projector and the predictor.
      out: width of the projection.
      norm: normalisation in the heads, "batch", "layer" or "none".
      dtype: dtype in which the heads compute.
    """

    momentum: Unit = 0.996
    momentum_end: Unit = 1.0
    hidden: Count = 4096
    out: Count = 256
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning"
    couples_batch: ClassVar[bool] = False
    symmetric_views: ClassVar[tuple[str, ...]] = ("a", "b")
    scale_invariant: ClassVar[tuple[str, ...]] = (
        *("prediction_a", "target_a", "prediction_b", "target_b"),
    )
    targets: ClassVar[tuple[str, ...]] = ("target_a", "target_b")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and predictor."""
        head = MLPHead(
            (self.hidden,),
            self.out,
            norm=self.norm,
            hidden_bias=True,
            last_bias=False,
            dtype=self.dtype,
        )
        return Siamese(encoder, head, head.clone())

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the encoder, the projector and the predictor."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """Predictions of the student and projections of the teacher for both views, [B, out]."""
        outputs = {}
        for name, key in zip(("a", "b"), jax.random.split(step.key), strict=True):
            (_, prediction) = step.student(views[name], key=key)
            target, _ = step.teacher(views[name], key=key)
            outputs[f"prediction_{name}"] = prediction
            outputs[f"target_{name}"] = target
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Sum of the two directions, averaged over the batch; between 0 and 8."""
        forth = cosine_regression(outputs["prediction_a"], outputs["target_b"])
        back = cosine_regression(outputs["prediction_b"], outputs["target_a"])
        return jnp.mean(forth + back), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Predictions, the teacher's projections, and the teacher-student distance."""
        prediction, target = outputs["prediction_a"], outputs["target_b"]
        return Monitored(
            embeddings={"prediction": prediction, "target": target},
            pairs={"views": (prediction, target)},
            teachers=self.distances(step),
        )

    def smoke(self) -> Method:
        """Heads of width 32."""
        return dataclasses.replace(self, hidden=32, out=16)
