"""GMML: corrupt groups of connected patches in the image and predict the original pixels.

Atito et al., "GMML is All you Need", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import numpy as np

from jssl.core.ranges import Count, Natural
from jssl.encoders.features import block_outputs
from jssl.methods.base import Spec
from jssl.methods.masked_parts import InViews
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.nn import module as nn
from jssl.nn.decoder import target_size
from jssl.nn.dense import Dense
from jssl.nn.norm import layer_norm
from jssl.objectives.masked import masked_l1


@dataclasses.dataclass(frozen=True)
class GMML(MaskedPrediction):
    """Mean absolute error of the corrupted patches' pixels (section 3).

    There is no mask token: the encoder has to recognise the corrupted patches. A light head
    predicts a patch from the mean of several blocks' outputs at each token.

    Equation: L = mean over corrupted patches of |h(norm(mean over blocks of f(x~))) - x|, where x~
    is the corrupted input, f the encoder and h the head.

    Views: one input [B, ...], corrupted, `original` [B, ...] and `mask` bool [B, N], True where a
    patch was replaced (`jssl.augmentations.batchwise.corrupt_groups`: by noise, or by another image
    of the batch).

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the local
    mean.

    Defaults: from the authors' code (the mean of blocks 6, 8, 10 and 12 of 12, normalised; three
    layers with GELU before the linear map to a patch; AdamW at 5e-4 x batch / 256, weight decay
    0.04 to 0.4, gradients clipped at 3, 10 epochs of warm-up, 800 epochs; the loss on corrupted
    pixels only).

    Differs from the authors' code: one view per image, not two; the head has a norm of its own, in
    place of the encoder's final norm, which stays as initialised; the fraction of corrupted tokens
    is exact, and whole patches are corrupted; jitter and blur of the clean image are omitted.

    Attributes:
      dtype: dtype in which the head computes.
      blocks: number of blocks whose outputs are averaged, evenly spaced from the middle of the
        encoder to its last block; 1 for the last block alone.
      head_layers: number of layers with GELU before the linear map; 0 for a linear head.
    """

    dtype: str = "float32"
    blocks: Count = 4
    head_layers: Natural = 3

    views: ClassVar[Spec] = Spec.single() + Spec.named("original", "mask")
    paper: ClassVar[str] = "GMML is All you Need"
    unused_params: ClassVar[tuple[str, ...]] = ("encoder/transformer/norm/",)
    corruption = InViews()
    error = staticmethod(masked_l1)

    def decoder(self, encoder: nn.Module, *, dtype: str) -> nn.Module:
        """Encoder and head."""
        return GMMLNet(encoder, self.blocks, self.head_layers, dtype)


class GMMLNet(nn.Module):
    """An encoder and a head on the mean of several of its blocks.

    Attributes:
      encoder: module `x -> Features` with tokens and block outputs.
      blocks: number of blocks that are averaged; see `spaced_blocks`.
      layers: number of layers with GELU before the linear map, each as wide as a token.
      dtype: dtype in which the head computes.
    """

    encoder: nn.Module
    blocks: int
    layers: int
    dtype: str

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...] to (pooled [B, D], patches [B, N, P])."""
        features = self.encoder(x, train=train)
        outputs = block_outputs(features)
        chosen = [outputs[i] for i in spaced_blocks(len(outputs), self.blocks)]
        mean = (sum(chosen) / len(chosen))[:, -features.tokens.shape[1] :]
        options = {"kernel_init": "trunc_normal", "dtype": self.dtype}
        y = layer_norm(dtype=self.dtype, epsilon=1e-6, name="head_norm")(mean)
        for i in range(self.layers):
            y = Dense(y.shape[-1], name=f"head{i}", **options)(y)
            y = jax.nn.gelu(y, approximate=False)
        size = target_size("patches", self.encoder, x, y)
        return features.pooled, Dense(size, dtype=self.dtype, name="head_output")(y)


def spaced_blocks(depth: int, count: int) -> tuple[int, ...]:
    """Indices of blocks that are evenly spaced from the middle of a stack to its last block.

    Args:
      depth: number of blocks of the stack.
      count: number of blocks wanted; fewer are returned where the upper half has fewer.

    Returns:
      Indices from 0, such as (5, 7, 9, 11) for 4 of 12.
    """
    if count == 1:
        return (depth - 1,)
    last = np.linspace(depth / 2, depth, count)
    return tuple(sorted({max(1, int(place + 0.5)) - 1 for place in last}))
