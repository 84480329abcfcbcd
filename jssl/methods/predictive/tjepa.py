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
    t(x)[positions]|^2, where f is the encoder, g the predictor and t the teacher.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T],
    the M subsets}. The student sees only the context, the teacher the whole input.

    Remembers: the teacher, an exponential moving average of the encoder, which is also the encoder
    that is evaluated.

    Collapse: tokens may collapse to functions of their position alone, the main difficulty that the
    paper reports. There a regularisation token prevents it, which takes part in the attention of
    both encoders but in no loss: set `registers=1` in the encoder.

    Defaults: from the authors' code: momentum 0.996 to 1 and the teacher's tokens as they are,
    without I-JEPA's normalisation. The authors use no weight decay, batches of 512, rates of 1e-5
    to 1e-3 and 300 epochs with 10 of warm-up, and choose the sizes of encoder and predictor for
    each data set; those here are for tables of about a dozen columns.

    Differs from the authors' code: theirs starts from normal kernels of standard deviation 0.02
    (`kernel_init="trunc_normal"`), which are small for widths below about 200.

    The fields are those of `TokenPrediction`, and:

    Attributes:
      kernel_init: initialiser of the predictor's kernels.
      normalize_targets: whether the teacher's tokens are normalised as in I-JEPA.
    """

    predictor_width: Count = 64
    predictor_depth: Count = 2
    predictor_heads: Count = 4
    kernel_init: str = "xavier"
    normalize_targets: bool = False

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "targets")
    paper: ClassVar[str] = "T-JEPA: Augmentation-Free Self-Supervised Learning for Tabular Data"

    def regressed(self, tokens: jax.Array) -> jax.Array:
        """The teacher's tokens, normalised on request."""
        return super().regressed(tokens) if self.normalize_targets else tokens

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Squared error averaged over tokens, subsets and the batch."""
        error = outputs["prediction"].astype(jnp.float32) - outputs["target"].astype(jnp.float32)
        return jnp.mean(error**2), {}
