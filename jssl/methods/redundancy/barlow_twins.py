"""Barlow Twins: make the cross-correlation matrix of two views' embeddings the identity.

Zbontar et al., "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", 2021.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax

from jssl.core.ranges import NonNegative, Positive
from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.redundancy._twins import Twins
from jssl.objectives.redundancy import barlow_twins


@dataclasses.dataclass(frozen=True)
class BarlowTwins(Twins):
    """Invariance on the diagonal, decorrelation off it (eqs. 1 and 2), over the global batch.

    Equation: L = sum_i (1 - C_ii)^2 + w sum over i != j of C_ij^2, where C is the cross-correlation
    matrix of the views' standardised embeddings.

    Views: `a` and `b`, each [B, ...], passed through the net one after the other, as in the
    authors' code.

    Remembers: nothing.

    Collapse: collapse of one dimension costs 1, collapse of all dimensions costs the width of the
    embedding. If the off-diagonal weight is too small, dimensions become copies of each other.

    Defaults: from the paper for ImageNet (section 2.2: weight 5e-3, projector 8192 - 8192 - 8192;
    batch 2048, LARS at 0.2 x batch / 256, weight decay 1.5e-6).

    Differs from the authors' code: in the code the learning rate of biases and normalisation
    parameters is 0.024 times that of the weights. LARS rescales only the gradients of the weights,
    so `scale=0.024` (the loss scale of the code's first version) is equivalent; linear layers of
    the projector are initialised from a normal distribution with variance 1 / fan_in; PyTorch's
    default, for biases too, is uniform within 1 / sqrt(fan_in), which has 0.58 times that standard
    deviation.

    The fields of the projector are those of `Twins`.

    Attributes:
      off_diagonal: weight of the redundancy term.
      scale: factor on the whole loss.
    """

    off_diagonal: NonNegative = 5e-3
    scale: Positive = 1.0

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = "Barlow Twins: Self-Supervised Learning via Redundancy Reduction"

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Distance of the cross-correlation matrix from the identity."""
        loss = barlow_twins(outputs["a"], outputs["b"], off_diagonal=self.off_diagonal)
        return self.scale * loss, {}
