"""SSAST: replace patches by a mask token, then match and reconstruct them.

Gong et al., "SSAST: Self-Supervised Audio Spectrogram Transformer", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative
from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.common import matmul
from jssl.objectives.masked import masked_matching, masked_mse


class TwoHeads(nn.Module):
    """An encoder and two heads on each token, whose outputs have the size of a patch.

    Attributes:
      encoder: module that can mask tokens and divides its input into patches.
      hidden: width of the heads' hidden layer.
      dtype: dtype in which the heads compute.
    """

    encoder: nn.Module
    hidden: int
    dtype: str

    @nn.compact
    def __call__(
        self, x: Any, mask: jax.Array, *, train: bool
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Maps x [B, ...] and mask bool [B, N] to (pooled, answers, reconstructions [B, N, P])."""
        features = self.encoder(x, mask=mask, train=train)
        size = self.encoder.patches(x).shape[-1]
        options = {"hidden": (self.hidden,), "out": size, "norm": "none", "dtype": self.dtype}
        heads = (MLPHead(**options, name=name) for name in ("match", "reconstruct"))
        return features.pooled, *(head(features.tokens, train=train) for head in heads)


@dataclasses.dataclass(frozen=True)
class SSAST(MaskedPrediction):
    """Weighted sum of matching and mean squared error of the masked patches (section 3.2).

    The encoder sees all positions, with a learned token at the masked ones. The output of one head
    must match the true patch better than the other masked patches of the same example; the other
    head reconstructs the patch.

    Equation: L = mean over masked i of -log(exp(c_i.x_i) / sum over masked j of exp(c_i.x_j)) + w
    |r_i - x_i|^2, where c_i is the output of the matching head, r_i the reconstruction and x_i the
    patch.

    Views: one input [B, ...] and `mask` {"mask" bool [B, N]}, True where masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the local
    mean.

    Defaults: from the paper (sections 3.2 and 4.1: weight 10; patches of 16 by 16, 400 of 512 of
    them masked, in clusters; the last two are set in the views).

    Differs from the authors' code: the encoder's positions are fixed, and it has at most one class
    token; theirs has two.

    Attributes:
      weight: weight of the reconstruction.
      hidden: width of the heads' hidden layer.
      dtype: dtype in which the heads compute.
    """

    weight: NonNegative = 10.0
    hidden: Count = 256
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    heads: ClassVar[tuple[str, ...]] = ("answer", "prediction")
    paper: ClassVar[str] = "SSAST: Self-Supervised Audio Spectrogram Transformer"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and two heads."""
        return TwoHeads(encoder, self.hidden, self.dtype)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, and its two terms as metrics."""
        target, mask = outputs["target"], outputs["mask"]
        scores = matmul(outputs["answer"], target.swapaxes(1, 2))
        terms = {
            "matching": jnp.mean(masked_matching(scores, mask)),
            "reconstruction": jnp.mean(masked_mse(outputs["prediction"], target, mask)),
        }
        return terms["matching"] + self.weight * terms["reconstruction"], terms

    def smoke(self) -> SSAST:
        """Heads of width 16."""
        return dataclasses.replace(self, hidden=16)
