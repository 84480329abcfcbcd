"""Layers for raw audio [B, T]: detection of padding, and a stack of convolutions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Positive, Ranged, Widths
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.conv import Conv
from jssl.nn.init import activation
from jssl.nn.norm import channel_norm, layer_norm

NORMS = ("layer", "group")


def real_samples(x: jax.Array) -> jax.Array:
    """Which samples are not padding: all up to the last one that is not exactly 0.

    Args:
      x: [..., T].

    Returns:
      bool [..., T]; True everywhere for a sound that is 0 throughout.
    """
    length = x.shape[-1] - jnp.argmax(x[..., ::-1] != 0, axis=-1)
    return jnp.arange(x.shape[-1]) < length[..., None]


class WaveStack(Ranged, nn.Module):
    """Strided convolutions over time, each followed by a normalisation and GELU.

    The feature encoder of Baevski et al., "wav2vec 2.0", 2020, section 2. By default in the form of
    the authors' large models: a frame is normalised by itself, so padding changes nothing.

    Attributes:
      channels: of every layer.
      kernels: kernel size of each layer, in samples or frames.
      strides: stride of each layer.
      dtype: dtype of the computation; parameters are float32.
      norm: "layer" (every layer, a frame by itself) or "group" (the first layer alone, each channel
        over all real frames: the authors' base model).
      use_bias: whether the convolutions have a bias.
      eps: added to the variance by the normalisations.
    """

    channels: Count
    kernels: Widths
    strides: Widths
    dtype: str = "float32"
    norm: str = "layer"
    use_bias: bool = True
    eps: Positive = 1e-6

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, T] to frames [B, N, channels], without padding at the ends."""
        if self.norm not in NORMS:
            raise UserError(
                f"no normalisation of frames is called {self.norm!r}: {nearest(self.norm, NORMS)}"
            )
        frames = x[:, :, None]
        ends = (
            self.kernels[0]
            - 1
            + self.strides[0] * jnp.arange((x.shape[1] - self.kernels[0]) // self.strides[0] + 1)
        )
        for i, (kernel, stride) in enumerate(zip(self.kernels, self.strides, strict=True)):
            # Where strides divide kernels, a stride's worth of frames becomes channels of one: the
            # same sums by a convolution without stride, whose gradients are cheaper.
            fold = stride if kernel % stride == 0 else 1
            count = (frames.shape[1] - kernel) // stride + 1
            frames = frames[:, : (count - 1) * stride + kernel]
            frames = frames.reshape(frames.shape[0], -1, 1, fold * frames.shape[-1])
            size, step = (kernel // fold, 1), (stride // fold, 1)
            options = {"use_bias": self.use_bias, "dtype": self.dtype, "name": f"conv{i}"}
            frames = Conv(self.channels, size, step, "VALID", **options)(frames)
            if self.norm == "layer":
                norm = layer_norm(dtype=self.dtype, epsilon=self.eps, name=f"norm{i}")
                frames = norm(frames)
            elif i == 0:
                real = real_samples(x)[:, ends][:, :, None, None]
                norm = channel_norm(dtype=self.dtype, epsilon=self.eps, name="norm0")
                frames = norm(frames, mask=jnp.broadcast_to(real, frames.shape))
            frames = activation("gelu")(frames)[:, :, 0]
        return frames


class PositionConv(Ranged, nn.Module):
    """Relative positions by a grouped convolution over the tokens and GELU (wav2vec 2.0, 2.1).

    Attributes:
      kernel: tokens that it spans; of an even number the last result is cut off.
      groups: groups of channels.
      dtype: dtype of the computation.
    """

    kernel: Count = 128
    groups: Count = 16
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps tokens [B, N, D], zero where there is padding, to positions [B, N, D]."""
        reach = self.kernel // 2
        conv = Conv(
            x.shape[-1],
            (self.kernel, 1),
            padding=((reach, reach), (0, 0)),
            groups=self.groups,
            dtype=self.dtype,
            name="conv",
        )
        return activation("gelu")(conv(x[:, :, None]))[:, : x.shape[1], 0]
