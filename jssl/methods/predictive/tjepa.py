"""T-JEPA: predict a teacher's tokens of column subsets from the tokens of another subset.

Thimonier et al., "T-JEPA: Augmentation-Free Self-Supervised Learning for Tabular Data", 2025.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count
from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.token_prediction import TokenPrediction


@dataclasses.dataclass(frozen=True)
class TJEPA(TokenPrediction):
    """I-JEPA with subsets instead of blocks, squared error, and a regularisation token.

    Equation: L = mean over subsets and their tokens of |g(f(context), positions) -
    norm(t(x))[positions]|^2, where f is the encoder, g the predictor and t the teacher.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T],
    the M subsets}. The student sees only the context, the teacher the whole input.

    Remembers: the teacher, an exponential moving average of the encoder, which is also the encoder
    that is evaluated.

    Collapse: tokens may collapse to functions of their position alone, the main difficulty that the
    paper reports. There a regularisation token prevents it, which takes part in the attention of
    both encoders but in no loss: set `registers=1` in the encoder.

    Defaults: momentum 0.996 to 1 as in I-JEPA, on which the paper builds; sizes are for tables of
    about a dozen columns.

    Unverified: whether the authors normalise the teacher's tokens, as in I-JEPA and here; the sizes
    of their predictor, which they choose for each data set.

    The fields are those of `TokenPrediction`, and:

    Attributes:
      kernel_init: initialiser of the predictor's kernels; the authors' is unverified.
    """

    predictor_width: Count = 64
    predictor_depth: Count = 2
    predictor_heads: Count = 4
    kernel_init: str = "xavier"

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "targets")
    paper: ClassVar[str] = "T-JEPA: Augmentation-Free Self-Supervised Learning for Tabular Data"

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Squared error averaged over tokens, subsets and the batch."""
        error = outputs["prediction"].astype(jnp.float32) - outputs["target"].astype(jnp.float32)
        return jnp.mean(error**2), {}
