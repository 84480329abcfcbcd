"""SimSiam: predict the projection of another view, under a stopped gradient and without a teacher.

Chen & He, "Exploring Simple Siamese Representation Learning", 2021.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.ranges import Count, Layers
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.regression import cosine_regression


@dataclasses.dataclass(frozen=True)
class SimSiam(Method):
    """Negative cosine of predictions and stopped projections in both directions (eqs. 2 to 4).

    Equation: L = -1/2 cos(p_a, stop(z_b)) - 1/2 cos(p_b, stop(z_a)), where p are predictions and z
    projections.

    Views: `a` and `b`, each [B, ...], passed through the net one after the other, so that BatchNorm
    statistics are separate for the two, as in the authors' code.

    Remembers: nothing; the targets come from the net itself.

    Collapse: occurs immediately, at a loss of -1, without the predictor or the stopped gradient
    (section 4 of the paper).

    Defaults: from the paper for ImageNet (section 3: projector 2048 - 2048 - 2048, predictor with a
    bottleneck of 512; SGD at 0.05 x batch / 256, batch 512, weight decay 1e-4). The authors' code
    keeps the predictor's learning rate at its peak while the others decay; `fixed_rate` does the
    same.

    Differs from the authors' code: linear layers of the heads are initialised from a normal
    distribution with variance 1 / fan_in; PyTorch's default, for biases too, is uniform within 1 /
    sqrt(fan_in), which has 0.58 times that standard deviation; no other difference is known to
    change the results.

    Attributes:
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      bottleneck: width of the predictor's hidden layer.
      fixed_rate: whether the predictor's learning rate stays at its peak.
      norm: normalisation in the heads, "batch", "layer" or "none".
      dtype: dtype in which the heads compute.
    """

    hidden: Layers = (2048, 2048)
    out: Count = 2048
    bottleneck: Count = 512
    fixed_rate: bool = True
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "Exploring Simple Siamese Representation Learning"
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and predictor."""
        normed = self.norm != "none"
        projector = MLPHead(
            self.hidden,
            self.out,
            norm=self.norm,
            last_norm=normed,
            last_bias=not normed,
            last_scale=False,
            last_shift=False,
            dtype=self.dtype,
        )
        predictor = MLPHead((self.bottleneck,), self.out, norm=self.norm, dtype=self.dtype)
        return Siamese(encoder, projector, predictor)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Predictions and projections of both views, each [B, out]."""
        outputs = {}
        for name, key in zip(("a", "b"), jax.random.split(step.key), strict=True):
            (projection, prediction) = step.student(views[name], key=key)
            outputs[f"prediction_{name}"] = prediction
            outputs[f"target_{name}"] = jax.lax.stop_gradient(projection)
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Mean of the two directions, averaged over the batch; between -1 and 1."""
        forth = cosine_regression(outputs["prediction_a"], outputs["target_b"])
        back = cosine_regression(outputs["prediction_b"], outputs["target_a"])
        # Each direction is 2 - 2 cos, so sum / 4 - 1 is the mean of -cos.
        return jnp.mean(forth + back) / 4 - 1, {}

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Cancels the learning-rate schedule for the predictor if `fixed_rate` is set."""
        if not self.fixed_rate:
            return updates
        factor = jnp.where(
            step.progress.rate > 0, 1.0 / jnp.maximum(step.progress.rate, 1e-30), 0.0
        )
        return {**updates, "predictor": jax.tree.map(lambda u: u * factor, updates["predictor"])}

    def smoke(self) -> Method:
        """Heads of width 32."""
        return dataclasses.replace(self, hidden=(32, 32), out=32, bottleneck=8)
