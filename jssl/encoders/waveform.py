"""Encoder of raw audio [B, T]: convolutions, then a transformer over their frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Count, Natural, Positive, Widths
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError, nearest
from jssl.nn.dense import Dense
from jssl.nn.norm import layer_norm
from jssl.nn.positions import sincos_1d
from jssl.nn.waveform import PositionConv, WaveStack, real_samples

POSITIONS = ("sincos", "conv")
_LATER = {"later": True}


class Latents(NamedTuple):
    """The output of the convolutions.

    Attributes:
      values: [B, N, channels], normalised.
      valid: bool [B, N], frames that see only real samples.
    """

    values: jax.Array
    valid: jax.Array


class WaveformTransformer(TokenEncoder):
    """wav2vec 2.0's net: strided convolutions over samples and a transformer over their frames.

    Baevski et al., "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech
    Representations", 2020, section 2. Zeros at the end of a sound are padding: frames that see any
    are excluded from attention and pooling. Positions are sine-cosine embeddings of the frame's
    index; the paper uses a convolution of the tokens.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      channels: of the convolutions.
      kernels: kernel size of each layer, in samples or frames.
      strides: stride of each layer; the defaults are the paper's, 20 ms at 16 kHz.
      conv_norm: normalisation of the convolutions, "layer" (every layer: the authors' large models)
        or "group" (the first layer, over time: their base models).
      conv_bias: whether the convolutions have a bias.
      positions: "sincos", or "conv", the paper's convolution of the tokens.
      position_kernel: tokens that this convolution spans.
      position_groups: its groups of channels.
      post_norm: normalise after each residual sum (the authors' base models); the stack then has no
        final norm.
      input_norm: whether the tokens are normalised before the first block (the base models).
      eps: added to the variance by every normalisation.
      lora: rank of low-rank additions to the kernels of the blocks (Hu et al., 2022); 0 for none.
    """

    channels: Count = 512
    kernels: Widths = (10, 3, 3, 3, 3, 2, 2)
    strides: Widths = (5, 2, 2, 2, 2, 2, 2)
    conv_norm: str = dataclasses.field(default="layer", metadata=_LATER)
    conv_bias: bool = dataclasses.field(default=True, metadata=_LATER)
    positions: str = dataclasses.field(default="sincos", metadata=_LATER)
    position_kernel: Count = dataclasses.field(default=128, metadata=_LATER)
    position_groups: Count = dataclasses.field(default=16, metadata=_LATER)
    post_norm: bool = dataclasses.field(default=False, metadata=_LATER)
    input_norm: bool = dataclasses.field(default=False, metadata=_LATER)
    eps: Positive = dataclasses.field(default=1e-6, metadata=_LATER)
    lora: Natural = dataclasses.field(default=0, metadata=_LATER)

    def setup(self) -> None:
        """Makes the convolutions, which a method may run by themselves (`prepare`)."""
        options = {"norm": self.conv_norm, "use_bias": self.conv_bias, "eps": self.eps}
        self.stack = WaveStack(self.channels, self.kernels, self.strides, self.dtype, **options)
        self.norm = layer_norm(dtype=self.dtype, epsilon=self.eps)

    def conflict(self) -> str | None:
        """Each convolution has a kernel and a stride."""
        if len(self.kernels) != len(self.strides):
            return f"kernels is {self.kernels} and strides is {self.strides}; each layer needs both"
        return super().conflict()

    def smoke(self) -> WaveformTransformer:
        """A copy with two blocks of width 16 and convolutions of 8 channels, for tests."""
        return super().smoke().clone(channels=8, position_groups=4)

    def field(self) -> tuple[int, int]:
        """(receptive field of a frame in samples, samples between frames)."""
        width, hop = 1, 1
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            width, hop = width + (kernel - 1) * hop, hop * stride
        return width, hop

    def prepare(self, x: Any) -> Latents:
        """Runs the convolutions on sounds float [B, T], once per input."""
        if isinstance(x, Latents):
            return x
        if self.scope is None:
            raise UserError(
                "the frames of a waveform are learnt, so that a method cannot predict them as "
                "patches: use one that predicts features, such as Wav2Vec2 or Data2Vec"
            )
        width, hop = self.field()
        if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.floating) or x.shape[1] < width:
            raise UserError(
                f"this encoder takes sounds float [B, samples] of at least {width} samples, not "
                f"{x.dtype} {x.shape}"
            )
        values = self.norm(self.stack(x))
        ends = width - 1 + hop * np.arange(values.shape[1])
        # A sound shorter than a frame still has its first.
        valid = real_samples(x)[:, ends] | (np.arange(len(ends)) == 0)
        return Latents(values, valid)

    def patches(self, x: Any) -> jax.Array:
        """The frames: [B, N, channels]."""
        return self.prepare(x).values

    def valid(self, x: Any) -> jax.Array:
        """False if a frame sees padding."""
        return self.prepare(x).valid

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """A linear map of the frame."""
        del indices
        dense = Dense(self.width, kernel_init=self.kernel_init, dtype=self.dtype, name="embedding")
        return dense(patches)

    def place(self, x: Any, indices: jax.Array, count: int) -> jax.Array | None:
        """Sine and cosine of the frame's number; None where positions are convolved."""
        if self.positions not in POSITIONS:
            known = nearest(self.positions, POSITIONS)
            raise UserError(f"no positions of frames are called {self.positions!r}: {known}")
        return super().place(x, indices, count) if self.positions == "sincos" else None

    def _convolved(self, tokens: jax.Array, real: jax.Array | None, count: int) -> jax.Array:
        if self.positions != "conv":
            return tokens
        if tokens.shape[1] != count:
            raise UserError(
                "positions='conv' convolves all tokens, so that none can be dropped: use a method "
                "that replaces hidden tokens, or positions='sincos'"
            )
        if real is not None:
            tokens = jnp.where(real[..., None], tokens, 0)
        conv = PositionConv(
            self.position_kernel, self.position_groups, self.dtype, name="position_conv"
        )
        return tokens + conv(tokens)

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Sine and cosine of the frame's number; `shape` is that of the sounds or of `Latents`."""
        size, hop = self.field()
        count = shape[1] if len(shape) == 3 else (shape[1] - size) // hop + 1
        return jnp.asarray(sincos_1d(np.arange(count), width))


def small_waveform(**changes: Any) -> WaveformTransformer:
    """A small encoder for words at 8 kHz, with frames of 52 ms every 20 ms.

    Args:
      **changes: fields that differ.

    Returns:
      The encoder; one second of audio has 48 frames.
    """
    fields = {"width": 64, "depth": 3, "heads": 4, "channels": 64}
    return WaveformTransformer(
        **{**fields, "kernels": (32, 10, 4), "strides": (16, 5, 2), **changes}
    )
