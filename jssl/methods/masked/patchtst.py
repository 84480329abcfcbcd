"""PatchTST: set patches of the input to zero and predict them linearly from the tokens.

Nie et al., "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", 2023.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.reconstruction import HiddenPatches, picture
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.masked import masked_mse


@dataclasses.dataclass(frozen=True)
class PatchTST(HiddenPatches):
    """Mean squared error of the masked patches (section 3.2).

    The encoder sees all positions. Masked patches are set to zero in the input, so there is no mask
    token. A linear layer maps each token to a patch.

    Equation: L = mean over masked patches of (h(f(x * visible)) - x)^2, where f is the encoder and
    h the linear head.

    Views: one input [B, ...], each channel normalised over time, and `mask` {"mask" bool [B, N]},
    True where masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the local
    mean.

    Defaults are set in the views and the encoder: non-overlapping patches of 12 steps, 40 % of them
    masked in each channel (section 4.2), 3 blocks of width 128 with 16 heads and MLPs of 512 (the
    authors' code; the width 16 for the small ETT data sets is that of supervised training).

    Differs from the authors' code: the transformer applies LayerNorm before its branches instead of
    BatchNorm after them, and has fixed positions and no dropout.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers"
    )
    error = staticmethod(masked_mse)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, "patches", dtype=self.dtype)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, N, P], `mask` [B, N] and the pooled `embedding`."""
        x, mask = the_input(views), views["mask"]["mask"]
        seen, target = hide(step.net.encoder, x, mask)
        (pooled, prediction) = step.student(seen)
        outputs = {"prediction": prediction, "target": target, "mask": mask, "embedding": pooled}
        return outputs

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array]:
        """Input, reconstruction and original."""
        x, mask = the_input(views), views["mask"]["mask"]
        seen, _ = hide(step.net.encoder, x, mask)
        _, prediction = step.predict(seen)
        return {**picture(step.net.encoder, x, prediction, mask), "input": seen}


def hide(encoder: nn.Module, x: Any, mask: jax.Array) -> tuple[Any, jax.Array]:
    """The input with masked patches set to zero, and all original patches [B, N, P]."""
    patches = encoder.patches(x)
    return encoder.assemble(jnp.where(mask[..., None], 0.0, patches), x.shape), patches
