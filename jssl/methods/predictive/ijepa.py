"""I-JEPA: from the tokens of one context block, predict a teacher's tokens of several other blocks.

Assran et al., "Self-Supervised Learning from Images with a Joint-Embedding Predictive
Architecture", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.token_prediction import TokenPrediction
from jssl.objectives.regression import smooth_l1


@dataclasses.dataclass(frozen=True)
class IJEPA(TokenPrediction):
    """Smooth L1 error of the predicted tokens, the teacher's being normalised (section 3).

    Equation: L = mean over blocks and their tokens of smoothL1(g(f(context), places),
    norm(t(x))[places]), t the teacher.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T],
    the M blocks}. The student sees the context alone, the teacher everything.

    Remembers: the teacher, an exponential moving average of the encoder, and the encoder that is
    evaluated.

    Collapse: to tokens that tell nothing of the input, such as their positions, is held off by
    nothing but the stopped gradient, the slow teacher and the hardness of the task.

    Defaults are the paper's for ImageNet (appendix A; predictor of width 384 with 12 blocks for
    ViT-L and larger, 6 for ViT-B; momentum 0.996 to 1; AdamW at 1e-3, batch 2048, 15 to 40 epochs
    of warm-up, no class token, weight decay 0.04 to 0.4 by a cosine). The small experiments keep a
    constant weight decay: 0.4 is a value for runs of 10^5 steps.

    The paper writes the squared L2 distance; smooth L1 and the teacher's layer normalisation
    without learned parts are the authors' code's. It differs from that code in drawing masks for
    each example, cut to a common length by the view. Encoder and predictor start as there in
    `image/ijepa_imagenet`: standard deviation 0.02, output layers of attention and MLP of block l
    over sqrt(2 l).

    BatchNorm of the teacher: as in BYOL; a ViT has none.

    Attributes:
      momentum: of the teacher at the first step; it rises linearly to `momentum_end`.
      momentum_end: of the teacher at the last step.
      predictor_width: size of the predictor's tokens.
      predictor_depth: number of its blocks.
      predictor_heads: its attention heads.
      kernel_init: initialiser of its kernels; the default is the authors', who start the encoder in
        the same way, and suits widths from about 200 up.
      dtype: dtype in which the predictor computes.
    """

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "targets")
    paper: ClassVar[str] = (
        "Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture"
    )

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error averaged over tokens, blocks and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"])
        return jnp.mean(error), {}
