"""PatchTST: hide patches of the input behind zeros, predict them linearly from every token.

Nie et al., "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", 2023.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.reconstruction import HiddenPatches, picture
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.masked import masked_mse


@dataclasses.dataclass(frozen=True)
class PatchTST(HiddenPatches):
    """Mean squared error of the hidden patches (section 3.2).

    The encoder sees all places; what is hidden is set to zero in the input itself, so there is no
    mask token. A linear layer turns each token into a patch.

    Equation: L = mean over hidden patches of (h(f(x * visible)) - x)^2.

    Views: one input [B, ...], each channel normalised over time, and `mask` {"mask" bool [B, N]},
    True where hidden.

    Remembers: nothing.

    Collapse: not in the way of joint embeddings; the failure is a head that predicts the mean of
    the neighbours.

    Defaults are in the views and the encoder: patches of 12 steps that do not overlap, 40 % of them
    hidden in each channel (section 4.2), 3 blocks of width 128 with 16 heads and MLPs of 512 (the
    authors' code; width 16 on the small ETT sets is that of supervised training).

    Differs from the authors' code: the transformer normalises each token before its branches
    instead of the batch after them, has fixed positions and no dropout.

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
        """What went in, what came out and what was there."""
        x, mask = the_input(views), views["mask"]["mask"]
        seen, _ = hide(step.net.encoder, x, mask)
        _, prediction = step.predict(seen)
        return {**picture(step.net.encoder, x, prediction, mask), "input": seen}


def hide(encoder: nn.Module, x: Any, mask: jax.Array) -> tuple[Any, jax.Array]:
    """The input with its hidden patches at zero, and all patches as they were: [B, N, P]."""
    patches = encoder.patches(x)
    return encoder.assemble(jnp.where(mask[..., None], 0.0, patches), x.shape), patches
