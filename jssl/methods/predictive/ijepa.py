"""I-JEPA: predict a teacher's tokens in several target blocks from one context block.

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
    """Smooth L1 error between predicted tokens and the teacher's normalised ones (section 3).

    Equation: L = mean over blocks and their tokens of smoothL1(g(f(context), positions),
    norm(t(x))[positions]), where f is the encoder, g the predictor and t the teacher.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T],
    the M blocks}. The student sees only the context, the teacher the whole input.

    Remembers: the teacher, an exponential moving average of the encoder, which is also the encoder
    that is evaluated.

    Collapse: collapse to tokens that are independent of the input, for example functions of their
    position, is prevented only by the stopped gradient, the slow teacher and the difficulty of the
    task.

    Defaults: from the paper for ImageNet (appendix A; predictor of width 384 with 12 blocks for
    ViT-L and larger, 6 for ViT-B; momentum 0.996 to 1; AdamW at 1e-3, batch 2048, 15 to 40 epochs
    of warm-up, no class token, weight decay 0.04 to 0.4 on a cosine schedule). The small
    experiments keep a constant weight decay: 0.4 suits runs of 10^5 steps.

    Differs from the authors' code: masks are drawn for each example, and the view cuts them to a
    common length. The paper states the squared L2 distance; smooth L1 and the layer normalisation
    of the targets without learned scale and shift follow the code. `image/ijepa_imagenet`
    initialises encoder and predictor as the code does: standard deviation 0.02, divided by sqrt(2
    l) for the output layers of attention and MLP in block l.

    BatchNorm of the teacher: as in BYOL; a ViT has no BatchNorm.

    The fields are those of `TokenPrediction`.
    """

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "targets")
    paper: ClassVar[str] = (
        "Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture"
    )

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error averaged over tokens, blocks and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"])
        return jnp.mean(error), {}
