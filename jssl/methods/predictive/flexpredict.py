"""FlexPredict (StoP): I-JEPA whose mask tokens have stochastic positions.

Bar et al., "Predicting masked tokens in stochastic locations improves masked image modeling",
2023; published as "Stochastic positional embeddings improve masked image modeling", 2024.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative
from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.token_prediction import TokenPrediction
from jssl.nn.predictor import BlockPredictor
from jssl.objectives.regression import smooth_l1


@dataclasses.dataclass(frozen=True)
class FlexPredict(TokenPrediction):
    """I-JEPA's loss; the position of a mask token is drawn from N(psi, noise^2 A A^T) (eq. 3-6).

    A is the matrix that projects the context into the predictor, so it cannot shrink to remove the
    noise without losing the context.

    Equation: L = mean of smoothL1(g(A f(context), psi + noise A n), norm(t(x))), where n is
    standard normal noise, psi the position embedding of the target, and t the teacher.

    Views: the same as I-JEPA.

    Remembers: the same as I-JEPA.

    Collapse: prevented as in I-JEPA. BatchNorm and the evaluated encoder are as in I-JEPA too.

    Defaults: from the authors' code for ViT-B/16 (`configs/pretrain/vit-b16.yaml`: predictor of
    width 384 with 6 blocks, momentum 0.996 to 1, AdamW at 8e-4, batch 2048, weight decay 0.04 to
    0.4, 15 epochs of warm-up, 600 epochs). Its noise of 0.25 is a standard deviation; the paper
    calls sigma the variance.

    Differs from the authors' code: the learned mask token of eq. 6 is included, which the code
    omits. As in the code, the bias of the projection is added to the noise as well.

    The fields are those of `TokenPrediction`, and:

    Attributes:
      noise: standard deviation of the noise before A.
    """

    predictor_depth: Count = 6
    noise: NonNegative = 0.25

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "targets")
    paper: ClassVar[str] = (
        "Predicting masked tokens in stochastic locations improves masked image modeling"
    )

    def predictor(self) -> BlockPredictor:
        """I-JEPA's predictor, with noise on the mask tokens' positions."""
        return super().predictor().clone(noise=self.noise)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error averaged over tokens, blocks and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"])
        return jnp.mean(error), {}
