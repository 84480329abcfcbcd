"""Motion statistics: predict where, in which direction and when a clip's motion is largest.

Wang et al., "Self-supervised Spatio-temporal Representation Learning for Videos by Predicting
Motion and Appearance Statistics", 2019.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Layers, Widths
from jssl.errors import UserError, nearest
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.classification import accuracy, cross_entropy

LOSSES = ("regression", "classification")


@dataclasses.dataclass(frozen=True)
class MotionStatistics(Method):
    """Prediction of fourteen statistics of a clip's motion from its pooled feature.

    A frame is divided into blocks in three ways: a grid, rings and sectors. For each division, and
    for both components of the optical flow, the labels are the block in which the motion boundaries
    (the gradients of the flow, summed over time) are strongest, and their direction there. Two more
    labels are the times at which they are strongest.

    Equation: L = (1/14) sum over labels k of (o_k - y_k)^2; L (classification) = -(1/14) sum over k
    of log softmax(o_k)[y_k], where o_k is the prediction and y_k the label, scaled to [-1, 1] for
    regression; `loss="classification"` selects the second form.

    Views: one input {"video" [B, T, H, W, C], "label" int [B, 14]}
    (`jssl.augmentations.video.motion_view`).

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs the labels' variance (or the logarithm of
    their number of values). The failure mode is a label that never changes, such as the block if
    the same object always moves at the same position.

    Defaults: regression, as in the paper. The authors' code (`train.py` of 2021) uses SGD at 5e-4
    with momentum 0.9 and weight decay 5e-3, and divides the rate by ten after each third of 18
    epochs.

    Differs from the authors' code: the flow is computed by the method of Lucas and Kanade between
    the frames of the view; theirs is TV-L1, precomputed on whole frames. Sectors are numbered
    clockwise, and rings and sectors leave no gaps at any size. Labels start at 0 and are scaled to
    [-1, 1]; theirs are unscaled, so that a label with more values has more weight. The appearance
    statistics (the most and the least diverse block, and their colours), whose loss has a tenth of
    the weight, are omitted.

    Attributes:
      values: number of values of each label; `jssl.augmentations.motion.label_counts` of the clips'
        number of frames, 16 in the paper.
      loss: kind of the loss, "regression" or "classification".
      hidden: widths of the head's hidden layers.
      dtype: dtype in which the head computes.
    """

    values: Widths = (16, 8, 16, 8, 4, 8, 4, 8, 8, 8, 8, 8, 15, 15)
    loss: str = "regression"
    hidden: Layers = ()
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single("video", "label")
    paper: ClassVar[str] = (
        "Self-supervised Spatio-temporal Representation Learning for Videos by Predicting Motion "
        "and Appearance Statistics"
    )
    partial: ClassVar[str] = (
        "The statistics of appearance (the most and the least diverse block, and their "
        "colours) are missing."
    )
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and head.

        Raises:
          UserError: if the loss is unknown.
        """
        if self.loss not in LOSSES:
            raise UserError(f"no loss is called {self.loss!r}: {nearest(self.loss, LOSSES)}")
        size = len(self.values) if self.loss == "regression" else sum(self.values)
        return Siamese(encoder, MLPHead(self.hidden, size, norm="none", dtype=self.dtype))

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (the_input(views)["video"],)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` [B, 14], or logits of all values of all labels, and `label` [B, 14]."""
        view = the_input(views)
        if view["label"].shape[1] != len(self.values):
            raise UserError(
                f"the views have {view['label'].shape[1]} labels, and method.values is for "
                f"{len(self.values)}"
            )
        (prediction, _) = step.student(view["video"])
        return {"prediction": prediction, "label": view["label"]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Mean over labels and examples."""
        prediction, label = outputs["prediction"].astype(jnp.float32), outputs["label"]
        if self.loss == "regression":
            error = jnp.square(prediction - self._scaled(label))
            return jnp.mean(error), {}
        ends = [sum(self.values[:k]) for k in range(1, len(self.values))]
        parts = list(zip(jnp.split(prediction, ends, axis=-1), label.T, strict=True))
        loss = jnp.mean(jnp.stack([cross_entropy(*part) for part in parts]))
        return loss, {"accuracy": jnp.mean(jnp.stack([accuracy(*p) for p in parts]))}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The loss of a constant feature: the labels' variance, or the mean of ln n."""
        if self.loss == "regression":
            spread = jnp.mean(jnp.var(self._scaled(outputs["label"]), axis=0))
            return Monitored(
                trivial_loss=jnp.maximum(spread, 1e-6)
            )  # all labels of a batch may be equal
        return Monitored(trivial_loss=sum(map(math.log, self.values)) / len(self.values))

    def _scaled(self, label: jax.Array) -> jax.Array:
        """Labels from 0 to n - 1, scaled to [-1, 1]."""
        return 2.0 * label / jnp.asarray([max(n - 1, 1) for n in self.values], jnp.float32) - 1.0
