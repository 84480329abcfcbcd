"""ECG-JEPA: predict a teacher's tokens in masked spans from the visible tokens.

Weimann & Conrad, "Self-Supervised Pre-Training with Joint-Embedding Predictive Architecture Boosts
ECG Classification Performance", 2024.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Positive, Unit
from jssl.methods.base import Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.token_prediction import TokenPrediction
from jssl.objectives.regression import smooth_l1


@dataclasses.dataclass(frozen=True)
class ECGJEPA(TokenPrediction):
    """I-JEPA with all masked tokens as one block and the absolute error of raw targets.

    Any mask sampler can be used. The paper masks spans of time, and a token covers all leads
    (`JointSeriesTransformer`), so that no lead reveals what is masked in another.

    Equation: L = mean over masked tokens of |g(f(visible), positions) - t(x)[positions]|_1 / D,
    where t is the teacher. The absolute error is smoothed near zero (`beta`).

    Views: one input [B, ...] and `mask` {"keep" int [B, K], "masked" int [B, N - K]}. The student
    sees the kept tokens, the teacher all tokens.

    Remembers: the teacher, an exponential moving average of the encoder, which is also the encoder
    that is evaluated.

    Collapse: collapse to tokens that are independent of the input is prevented only by the stopped
    gradient, the slow teacher and the difficulty of the task. The scale of the targets is that of
    the encoder's last normalisation, which is learned.

    Defaults: from the authors' code for ViT-S (configs/pretrain/ViTS_all.yaml and models/JEPA.py:
    predictor of width 192 with 8 blocks and 6 heads; momentum 0.998 to 0.9995; patches of 25 of
    5000 samples, 12 leads, one register token; spans of at least 10 patches that mask 75 to 85 %,
    set in the views; AdamW at 1e-3, batch 2048, 100000 steps, 10000 of warm-up). Weight decay grows
    from 0.01 to 0.1. Kernels start with a standard deviation of 0.02, in encoder and predictor.

    Differs from the authors' code: errors below `beta` are squared, so that the gradient is
    continuous; theirs are always absolute. The masked fraction is fixed, and spans longer than the
    minimum arise from overlapping spans (`span_mask`); layers have biases; the output layers of
    block l start smaller by sqrt(2 l), theirs by the root of twice the depth in all blocks.

    Unverified: the paper's results, which need a million records. Kim's method of the same name
    (2024) has tokens of single leads that attend to their lead and their time
    (`CrossSeriesTransformer`), masks the same times in every lead (`tube_mask`), normalises targets
    as I-JEPA does, and has a predictor of one lead at a time, which is not implemented.

    The fields are those of `TokenPrediction`, and:

    Attributes:
      kernel_init: initialiser of the predictor's kernels; the default suits widths of about 200
        and more.
      beta: threshold of the smooth L1 error, below which it is quadratic.
    """

    momentum: Unit = 0.998
    momentum_end: Unit = 0.9995
    predictor_width: Count = 192
    predictor_depth: Count = 8
    predictor_heads: Count = 6
    kernel_init: str = "trunc_normal_depth"
    beta: Positive = 0.01

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked")
    paper: ClassVar[str] = (
        "Self-Supervised Pre-Training with Joint-Embedding Predictive Architecture Boosts ECG "
        "Classification Performance"
    )

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        mask = views["mask"]
        return the_input(views), mask["keep"], mask["masked"][:, None]

    def regressed(self, tokens: jax.Array) -> jax.Array:
        """The teacher's tokens, without normalisation."""
        return tokens

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error averaged over tokens and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"], beta=self.beta)
        return jnp.mean(error), {}
