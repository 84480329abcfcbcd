"""Encoders of time series [B, T, C]: patch transformers and a dilated TCN."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Ranged
from jssl.encoders.features import Features, refuse_masks
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.conv import Conv
from jssl.nn.dense import Dense
from jssl.nn.norm import normalize
from jssl.nn.pooling import largest
from jssl.nn.positions import sincos_1d, sincos_2d


class SeriesTransformer(TokenEncoder):
    """Patches of each channel are tokens; channels share weights but do not attend to each other.

    Nie et al., "A Time Series is Worth 64 Words", 2023, section 3.1. Tokens are channel-major: the
    N patches of the first channel, then those of the second. Positions are sine and cosine of the
    patch's number, the same in every channel. The paper normalises over the batch; here, as in all
    transformers of this project, over a token.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      patch: steps of time in a patch; must divide the length.
      mix: whether channels attend to each other.
    """

    patch: Count = 12
    mix: bool = False

    def patches(self, x: jax.Array) -> jax.Array:
        """[B, T, C] -> [B, C * T / patch, patch]."""
        count = self.count(x.shape)
        batch, _, channels = x.shape
        parts = x.reshape(batch, count, self.patch, channels).transpose(0, 3, 1, 2)
        return parts.reshape(batch, channels * count, self.patch)

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """[B, C * N, patch] -> [B, N * patch, C]."""
        batch, length, channels = shape
        parts = patches.reshape(batch, channels, self.count(shape), self.patch)
        return parts.transpose(0, 2, 3, 1).reshape(batch, length, channels)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """A linear map of the patch."""
        dense = Dense(self.width, kernel_init=self.kernel_init, dtype=self.dtype, name="embedding")
        return dense(patches)

    def groups(self, shape: Sequence[int]) -> int:
        """One for each channel."""
        return 1 if self.mix else shape[2]

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Half of the width for the channel, half for the time."""
        return jnp.asarray(sincos_2d((shape[2], self.count(shape)), width))

    def count(self, shape: Sequence[int]) -> int:
        """Patches of a channel of an input [B, T, C].

        Raises:
          UserError: for another shape, or where patches do not fill it.
        """
        if len(shape) != 3:
            raise UserError(f"a series encoder takes [B, time, channels], not shape {tuple(shape)}")
        if shape[1] % self.patch:
            raise UserError(
                f"a series of {shape[1]} steps cannot be cut into patches of {self.patch}: the "
                "length must be a multiple; resample or crop it in the views and in preprocess"
            )
        return shape[1] // self.patch


class JointSeriesTransformer(SeriesTransformer):
    """A patch contains all channels of its time steps, as for the leads of an electrocardiogram.

    Weimann & Conrad, "Self-Supervised Pre-Training with Joint-Embedding Predictive Architecture
    Boosts ECG Classification Performance", 2024. `mix` has no effect here.
    """

    def patches(self, x: jax.Array) -> jax.Array:
        """[B, T, C] -> [B, T / patch, patch * C]."""
        return x.reshape(x.shape[0], self.count(x.shape), -1)

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """[B, N, patch * C] -> [B, N * patch, C]."""
        return patches.reshape(shape)

    def groups(self, shape: Sequence[int]) -> int:
        """All tokens attend to each other."""
        return 1

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """The number of the patch."""
        return jnp.asarray(sincos_1d(range(self.count(shape)), width))


class CrossSeriesTransformer(SeriesTransformer):
    """Patches of each channel are tokens, which attend to those of their channel and time.

    This is cross-pattern attention (CroPA) over the leads of an electrocardiogram: Kim, "Learning
    General Representation of 12-Lead Electrocardiogram with a Joint-Embedding Predictive
    Architecture", 2024. Half of a position embedding encodes the channel, half the time. `mix` has
    no effect here.
    """

    def groups(self, shape: Sequence[int]) -> int:
        """One: `sees` gives the attention mask."""
        return 1

    def sees(self, shape: Sequence[int]) -> jax.Array:
        """Tokens of the same channel or of the same time: bool [C * N, C * N]."""
        count = self.count(shape)
        token = jnp.arange(shape[2] * count)
        channel, time = token // count, token % count
        return (channel[:, None] == channel) | (time[:, None] == time)

    def place(self, x: jax.Array, indices: jax.Array, count: int) -> jax.Array:
        """Rows of `token_positions`."""
        del count
        return self.token_positions(x.shape, self.width)[indices]


class TCN(Ranged, nn.Module):
    """Residual blocks of dilated convolutions; block i has dilation 2^i.

    Yue et al., "TS2Vec: Towards Universal Representation of Time Series", 2022, section 3.2: a
    linear map of each step, then blocks of GELU, convolution, GELU, convolution, of kernel 3. The
    pooled features are the maximum over time.

    Attributes:
      width: channels of the blocks.
      depth: number of blocks.
      norm: "batch", "layer" or "none", before each non-linearity; TS2Vec has none.
      dtype: dtype of the computation; parameters are float32.
    """

    width: Count = 64
    depth: Count = 6
    norm: str = "batch"
    dtype: str = "float32"

    def smoke(self) -> TCN:
        """A copy with two blocks of width 16, for tests."""
        return self.clone(width=16, depth=2)

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes series.

        Args:
          x: float [B, T, C].
          mask: must be None.
          keep: must be None.
          train: whether batch normalisation uses (and moves) the batch's statistics.

        Returns:
          Features with pooled [B, width], tokens [B, T, width] and extras "block0" ....

        Raises:
          UserError: for another shape, or if `mask` or `keep` is given.
        """
        refuse_masks("TCN", mask, keep)
        if x.ndim != 3:
            raise UserError(f"a series encoder takes [B, time, channels], not shape {x.shape}")
        x = Dense(self.width, dtype=self.dtype, name="embedding")(x)
        extras = {}
        for i in range(self.depth):
            y = x
            for j in range(2):
                name = f"block{i}_{{}}{j}"
                y = normalize(y, self.norm, train=train, dtype=self.dtype, name=name.format("norm"))
                y = jax.nn.gelu(y, approximate=False)
                conv = Conv(self.width, (3, 1), dtype=self.dtype, name=name.format("conv"))
                y = dilated(conv, y, 2**i)
            x = x + y
            extras[f"block{i}"] = x
        return Features(pooled=largest(x, 1), tokens=x, extras=extras)


def dilated(conv: nn.Module, x: jax.Array, dilation: int) -> jax.Array:
    """Runs a dilated convolution over time.

    Time is split into two axes, (step // dilation, step % dilation); along the first, neighbours
    are `dilation` steps apart, so an ordinary convolution can be used.

    Args:
      conv: a convolution over [B, H, W, C] with a kernel of (k, 1) and zeros as padding.
      x: [B, T, C].
      dilation: steps between the entries of the kernel.

    Returns:
      [B, T, C'].
    """
    batch, length, channels = x.shape
    rows = -(-length // dilation)
    x = jnp.pad(x, ((0, 0), (0, rows * dilation - length), (0, 0)))
    y = conv(x.reshape(batch, rows, dilation, channels))
    return y.reshape(batch, rows * dilation, -1)[:, :length]
