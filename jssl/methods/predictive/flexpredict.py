"""FlexPredict (StoP): I-JEPA whose mask tokens stand at stochastic positions.

Bar et al., "Predicting masked tokens in stochastic locations improves masked image modeling",
2023; published as "Stochastic positional embeddings improve masked image modeling", 2024.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.token_prediction import TokenPrediction
from jssl.nn.predictor import BlockPredictor
from jssl.objectives.regression import smooth_l1
from jssl.ranges import Count, NonNegative


@dataclasses.dataclass(frozen=True)
class FlexPredict(TokenPrediction):
    """I-JEPA's loss; the position of a mask token is drawn from N(psi, noise^2 A A^T) (eq. 3-6).

    A is the matrix that projects the context into the predictor, so it cannot shrink to make the
    positions certain without losing the context.

    Equation: L = mean of smoothL1(g(A f(context), psi + noise A n), norm(t(x))), n standard normal,
    psi the position of the target.

    Views: those of I-JEPA.

    Remembers: what I-JEPA does.

    Collapse: held off as in I-JEPA. BatchNorm and what is evaluated are I-JEPA's as well.

    Defaults are those of the authors' code for ViT-B/16 (`configs/pretrain/vit-b16.yaml`: predictor
    of width 384 with 6 blocks, AdamW at 8e-4, batch 2048, 15 epochs of warm-up, 600 epochs). Its
    noise of 0.25 is a standard deviation; the paper calls sigma the variance. The teacher's
    momentum is I-JEPA's, unverified for this code.

    Differs from the authors' code: the learned mask token of eq. 6 is there, which the code leaves
    out; the bias of the projection is added to the noise as well, as in the code.

    Attributes:
      momentum: of the teacher at the first step; it rises linearly to `momentum_end`.
      momentum_end: of the teacher at the last step.
      predictor_width: size of the predictor's tokens.
      predictor_depth: number of its blocks.
      predictor_heads: its attention heads.
      dtype: dtype in which the predictor computes.
      noise: standard deviation of the noise before A.
    """

    predictor_depth: Count = 6
    noise: NonNegative = 0.25

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "targets")
    paper: ClassVar[str] = (
        "Predicting masked tokens in stochastic locations improves masked image modeling"
    )

    def predictor(self) -> BlockPredictor:
        """I-JEPA's, with noise on the mask tokens' positions."""
        return super().predictor().clone(noise=self.noise)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error averaged over tokens, blocks and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"])
        return jnp.mean(error), {}
