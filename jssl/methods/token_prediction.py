"""Token prediction: the shared part of I-JEPA, FlexPredict, T-JEPA and ECG-JEPA."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Outputs, Step, Views, the_input
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.predictor import BlockPredictor, PredictiveNet
from jssl.objectives.common import standardize


@dataclasses.dataclass(frozen=True)
class TokenPrediction(Method):
    """Predicts a teacher's tokens at other positions from the tokens of a context.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T], M
    blocks of positions}. The student sees only the context, the teacher the whole input.

    Attributes:
      momentum: momentum of the teacher at the first step; it rises linearly to `momentum_end`.
      momentum_end: momentum of the teacher at the last step.
      predictor_width: width of the predictor's tokens.
      predictor_depth: number of predictor blocks.
      predictor_heads: number of attention heads in each predictor block.
      kernel_init: initialiser of the predictor's kernels; the default is the authors', who
        initialise the encoder in the same way, and suits widths of about 200 and more.
      dtype: dtype in which the predictor computes.
      evaluated: which encoder evaluation uses, the "teacher" or the "student".
    """

    momentum: Unit = 0.996
    momentum_end: Unit = 1.0
    predictor_width: Count = 384
    predictor_depth: Count = 12
    predictor_heads: Count = 12
    kernel_init: str = "trunc_normal_depth"
    dtype: str = "float32"
    evaluated: Literal["teacher", "student"] = dataclasses.field(
        default="teacher", metadata={"later": True}
    )

    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and predictor."""
        return PredictiveNet(encoder, self.predictor())

    def predictor(self) -> BlockPredictor:
        """The predictor of the tokens at the target positions."""
        return BlockPredictor(
            self.predictor_width,
            self.predictor_depth,
            self.predictor_heads,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        mask = views["mask"]
        return the_input(views), mask["keep"], mask["targets"]

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the encoder, which evaluation uses unless `evaluated` says not."""
        evaluated = self.evaluated == "teacher"
        rule = {"schedule": "linear", "of": "encoder", "evaluated": evaluated}
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end, **rule)}

    def of_student(self) -> Method | None:
        """This method with `evaluated="student"`; None if it has that."""
        if self.evaluated == "student":
            return None
        return dataclasses.replace(self, evaluated="student")

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, M, T, D], and the context's pooled `embedding`."""
        x, keep, targets = self.inputs(views)
        (pooled, prediction) = step.student(x, keep, targets)
        tokens = step.teacher(x, net=step.net.encoder).tokens
        places = targets.reshape(targets.shape[0], -1, 1)
        target = jnp.take_along_axis(self.regressed(tokens), places, axis=1)
        outputs = {"prediction": prediction, "target": target.reshape(prediction.shape)}
        return {**outputs, "embedding": pooled}

    def regressed(self, tokens: jax.Array) -> jax.Array:
        """Targets from the teacher's tokens [B, N, D]: each token normalised."""
        return standardize(tokens)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Predicted blocks, the context's features, and the teacher-student distance."""
        names = ("prediction", "target")
        x, y = (
            outputs[name].reshape(len(outputs[name]), -1, outputs[name].shape[-1]) for name in names
        )
        return Monitored(
            features={"embedding": outputs["embedding"]},
            predictions={"blocks": (x, y, jnp.ones(x.shape[:2]))},
            teachers=self.distances(step),
        )

    def smoke(self) -> Method:
        """A one-block predictor of width 16."""
        small = {"predictor_width": 16, "predictor_depth": 1, "predictor_heads": 2}
        return dataclasses.replace(self, **small, kernel_init="xavier")
