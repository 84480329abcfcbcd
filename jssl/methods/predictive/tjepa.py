"""T-JEPA: from the tokens of one subset of an example, predict a teacher's tokens of other subsets.

Thimonier et al., "T-JEPA: Augmentation-Free Self-Supervised Learning for Tabular Data", 2025.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.token_prediction import TokenPrediction
from jssl.ranges import Count


@dataclasses.dataclass(frozen=True)
class TJEPA(TokenPrediction):
    """I-JEPA with subsets for blocks, the squared distance, and a regularisation token.

    Equation: L = mean over subsets and their tokens of |g(f(context), places) -
    norm(t(x))[places]|^2, t the teacher.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T],
    the M subsets}. The student sees the context alone, the teacher everything.

    Remembers: the teacher, an exponential moving average of the encoder, and the encoder that is
    evaluated.

    Collapse: to tokens that tell of their place alone, the paper's main trouble. A regularisation
    token, which takes part in the attention of both encoders and in no loss, is what holds it off
    there: give the encoder `registers=1`.

    Defaults: momentum 0.996 to 1 as in I-JEPA, which the paper starts from; sizes here are for
    tables of a dozen columns.

    Unverified: whether the authors normalise the teacher's tokens, as I-JEPA does and as is done
    here; their predictor's sizes, which they choose for each data set.

    Attributes:
      momentum: of the teacher at the first step; it rises linearly to `momentum_end`.
      momentum_end: of the teacher at the last step.
      predictor_width: size of the predictor's tokens.
      predictor_depth: number of its blocks.
      predictor_heads: its attention heads.
      kernel_init: initialiser of its kernels; the authors' is unverified.
      dtype: dtype in which the predictor computes.
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
