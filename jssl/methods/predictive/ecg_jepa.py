"""ECG-JEPA: from the tokens that spans of hidden ones leave, predict a teacher's hidden tokens.

Weimann & Conrad, "Self-Supervised Pre-Training with Joint-Embedding Predictive Architecture Boosts
ECG Classification Performance", 2024.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.methods.base import Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.token_prediction import TokenPrediction
from jssl.objectives.regression import smooth_l1
from jssl.ranges import Count, Positive, Unit


@dataclasses.dataclass(frozen=True)
class ECGJEPA(TokenPrediction):
    """I-JEPA with all hidden tokens as one block, and the absolute error of the teacher's own.

    Any sampler of masks will do; the paper hides spans of time, and a token holds all leads
    (`JointSeriesTransformer`), so that no lead tells what is hidden in another.

    Equation: L = mean over hidden tokens of |g(f(visible), places) - t(x)[places]|_1 / D, t the
    teacher; its corner is rounded.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], "masked" int [B, N - K]}. The student
    sees what is kept, the teacher everything.

    Remembers: the teacher, an exponential moving average of the encoder, and the encoder that is
    evaluated.

    Collapse: to tokens that tell nothing of the input, held off by nothing but the stopped
    gradient, the slow teacher and the hardness of the task. The targets have the scale that the
    encoder's last normalisation gives them, which is learned.

    Defaults are the authors' code's for ViT-S (configs/pretrain/ViTS_all.yaml and models/JEPA.py:
    predictor of width 192 with 8 blocks and 6 heads; momentum 0.998 to 0.9995; patches of 25 of
    5000 samples, 12 leads, one register token; spans of at least 10 patches hide 75 to 85 %, set
    in the views; AdamW at 1e-3, batch 2048, 100000 steps, 10000 of warm-up). Weight decay grows
    from 0.01 to 0.1 there; it is constant in the small experiments
    (`optimizer.weight_decay_end=0.1` for theirs).

    Differs from the authors' code: errors below `beta` are squared, so that the gradient has no
    jump, where theirs are absolute throughout; the share that is hidden is fixed, and spans longer
    than the least come of several that overlap (`span_mask`); layers have biases.

    Unverified: the paper's figures, which take a million records. Kim's method of the same name
    (2024) has tokens of single leads that see their lead and their time
    (`CrossSeriesTransformer`), the same times hidden in every lead (`tube_mask`), normalised
    targets as I-JEPA, and a predictor that sees one lead at a time, which is not here.

    Attributes:
      momentum: of the teacher at the first step; it rises linearly to `momentum_end`.
      momentum_end: of the teacher at the last step.
      predictor_width: size of the predictor's tokens.
      predictor_depth: number of its blocks.
      predictor_heads: its attention heads.
      kernel_init: initialiser of its kernels; the authors' is unverified.
      dtype: dtype in which the predictor computes.
      beta: where the error turns from square to absolute.
    """

    momentum: Unit = 0.998
    momentum_end: Unit = 0.9995
    predictor_width: Count = 192
    predictor_depth: Count = 8
    predictor_heads: Count = 6
    kernel_init: str = "xavier"
    beta: Positive = 0.01

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked")
    paper: ClassVar[str] = (
        "Self-Supervised Pre-Training with Joint-Embedding Predictive Architecture Boosts ECG "
        "Classification Performance"
    )

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        mask = views["mask"]
        return the_input(views), mask["keep"], mask["masked"][:, None]

    def regressed(self, tokens: jax.Array) -> jax.Array:
        """The teacher's tokens as they are."""
        return tokens

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error averaged over tokens and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"], beta=self.beta)
        return jnp.mean(error), {}
