"""Layers for raw audio [B, T]: detection of padding, and a stack of convolutions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Ranged, Widths
from jssl.nn import module as nn
from jssl.nn.conv import Conv
from jssl.nn.init import activation
from jssl.nn.norm import layer_norm


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
    """Strided convolutions over time, each followed by a layer normalisation and GELU.

    The feature encoder of Baevski et al., "wav2vec 2.0", 2020, section 2, in the form of the
    authors' large models: a frame is normalised by itself, so padding changes nothing.

    Attributes:
      channels: of every layer.
      kernels: kernel size of each layer, in samples or frames.
      strides: stride of each layer.
      dtype: dtype of the computation; parameters are float32.
    """

    channels: Count
    kernels: Widths
    strides: Widths
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, T] to frames [B, N, channels], without padding at the ends."""
        frames = x[:, :, None]
        for i, (kernel, stride) in enumerate(zip(self.kernels, self.strides, strict=True)):
            # Where strides divide kernels, a stride's worth of frames becomes channels of one: the
            # same sums by a convolution without stride, whose gradients are cheaper.
            fold = stride if kernel % stride == 0 else 1
            count = (frames.shape[1] - kernel) // stride + 1
            frames = frames[:, : (count - 1) * stride + kernel]
            frames = frames.reshape(frames.shape[0], -1, 1, fold * frames.shape[-1])
            size, step = (kernel // fold, 1), (stride // fold, 1)
            conv = Conv(self.channels, size, step, "VALID", dtype=self.dtype, name=f"conv{i}")
            frames = layer_norm(dtype=self.dtype, name=f"norm{i}")(conv(frames))
            frames = activation("gelu")(frames)[:, :, 0]
        return frames
