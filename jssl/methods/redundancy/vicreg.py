"""VICReg: make views agree, keep the variance of every dimension, and decorrelate dimensions.

Bardes et al., "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
Learning", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import NonNegative
from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.redundancy._twins import Twins
from jssl.objectives.redundancy import mean_squared, vicreg_covariance, vicreg_variance


@dataclasses.dataclass(frozen=True)
class VICReg(Twins):
    """Mean squared error between views, and variance and covariance terms (eqs. 1 to 6).

    Equation: L = l |a - b|^2 / D + m (V(a) + V(b)) / 2 + n (C(a) + C(b)); V(z) = mean over
    dimensions d of max(0, 1 - std(z_d)); C(z) = (1 / D) sum over d != e of cov(z_d, z_e)^2, where
    l, m and n are `invariance`, `variance` and `covariance`, and D is the width of the embedding.

    Views: `a` and `b`, each [B, ...], passed through the net one after the other, as in the
    authors' code.

    Remembers: nothing.

    Collapse: without the variance term all embeddings become equal; without the covariance term all
    dimensions become equal.

    Defaults: from the paper for ImageNet (section 4.2: weights 25, 25 and 1, projector 8192 - 8192
    - 8192; batch 2048, LARS at 0.2 x batch / 256, weight decay 1e-6). As in the authors' code, the
    variance term is the mean over the two views; eq. 6 has their sum.

    Differs from the authors' code: no difference is known to change the results. Statistics are
    those of the global batch in both. Linear layers of the projector are initialised from a normal
    distribution with variance 1 / fan_in; PyTorch's default, for biases too, is uniform within 1 /
    sqrt(fan_in), which has 0.58 times that standard deviation.

    The fields of the projector are those of `Twins`.

    Attributes:
      invariance: weight of the distance between views.
      variance: weight of the variance hinge.
      covariance: weight of the covariance term.
    """

    invariance: NonNegative = 25.0
    variance: NonNegative = 25.0
    covariance: NonNegative = 1.0

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = (
        "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning"
    )

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, and its three terms as metrics."""
        a, b = outputs["a"], outputs["b"]
        terms = {
            "invariance": jnp.mean(mean_squared(a, b)),
            "variance": 0.5 * (vicreg_variance(a) + vicreg_variance(b)),
            "covariance": vicreg_covariance(a) + vicreg_covariance(b),
        }
        loss = sum(getattr(self, name) * term for name, term in terms.items())
        return loss, terms
