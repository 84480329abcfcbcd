"""Networks for masked prediction: an encoder, and heads that map its tokens to predictions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Natural, Ranged
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.conv import Conv
from jssl.nn.dense import Dense
from jssl.nn.norm import layer_norm
from jssl.nn.transformer import Transformer

TARGETS = ("patches", "features", "positions")


def target_size(out: int | str, encoder: nn.Module, x: jax.Array, tokens: jax.Array) -> int:
    """The number of values predicted for each token.

    Args:
      out: a number; or "patches" (the values of a patch), "features" (the width of the encoder's
        tokens) or "positions" (the number of patches).
      encoder: cuts its input into patches with `encoder.patches`.
      x: input of the encoder, [B, ...].
      tokens: its tokens [B, K, D].

    Returns:
      The size.

    Raises:
      UserError: for another text.
    """
    if isinstance(out, int):
        return out
    if out == "features":
        return tokens.shape[-1]
    if out in TARGETS:
        return encoder.patches(x).shape[-1 if out == "patches" else 1]
    raise UserError(f"nothing called {out!r} is predicted for a token: {nearest(out, TARGETS)}")


def real_tokens(encoder: nn.Module, x: Any) -> jax.Array | None:
    """Which tokens of an input are not padding: bool [B, N]; None if all are real."""
    valid = getattr(encoder, "valid", None)
    return None if valid is None else valid(x)


class TokenPredictor(Ranged, nn.Module):
    """An encoder and a head on each of its tokens: linear, or a few blocks and then linear.

    Attributes:
      encoder: module `x -> Features` with tokens.
      out: size of a prediction; see `target_size`.
      width: size of the tokens of the blocks.
      depth: number of blocks before the linear layer; 0 for none.
      heads: attention heads of the blocks.
      dtype: dtype in which the head computes.
    """

    encoder: nn.Module
    out: int | str = "patches"
    width: Natural = 0
    depth: Natural = 0
    heads: Count = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, x: jax.Array, *, train: bool, size: int | None = None, **options: Any
    ) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...] to (pooled [B, D], predictions [B, K, out]).

        Args:
          x: input of the encoder.
          train: whether stochastic depth is active.
          size: size of a prediction; None for that of `out`.
          **options: what else the encoder takes, such as `mask` or `keep`.
        """
        features = self.encoder(x, train=train, **options)
        tokens = features.tokens
        size = target_size(self.out, self.encoder, x, tokens) if size is None else size
        if self.depth:
            tokens = Dense(self.width, dtype=self.dtype, name="decoder_embedding")(tokens)
            sizes = (self.depth, self.heads)
            decoder = blocks_like(self.encoder, *sizes, dtype=self.dtype, name="decoder")
            tokens, _ = decoder(tokens, train=train)
        return features.pooled, Dense(size, dtype=self.dtype, name="decoder_output")(tokens)


def blocks_like(
    encoder: nn.Module, depth: int, heads: int, *, dtype: str, name: str
) -> Transformer:
    """A decoder's blocks, with the encoder's `scan` and `remat` settings if it has them.

    The decoder of a deep encoder needs the same measures for compilation time and memory.
    """
    how = {key: getattr(encoder, key) for key in ("scan", "remat") if hasattr(encoder, key)}
    return Transformer(depth, heads, dtype=dtype, name=name, **how)


def in_order(visible: jax.Array, token: jax.Array, keep: jax.Array, masked: jax.Array) -> jax.Array:
    """Visible tokens and a mask token for each masked position, in order of position.

    Args:
      visible: [B, K, D].
      token: [D], the mask token.
      keep: int [B, K], positions of the visible tokens.
      masked: int [B, N - K], the other positions.

    Returns:
      [B, N, D].
    """
    hidden = jnp.broadcast_to(token.astype(visible.dtype), (*masked.shape, visible.shape[-1]))
    tokens = jnp.concatenate([visible, hidden], axis=1)
    # The sorted order of (visible, hidden) places; a gather by it undoes the shuffle.
    order = jnp.argsort(jnp.concatenate([keep, masked], axis=1), axis=1)
    return jnp.take_along_axis(tokens, order[..., None], axis=1)


def with_places(tokens: jax.Array, encoder: nn.Module, x: Any) -> jax.Array:
    """All tokens of an input with their positions added.

    Args:
      tokens: [B, N, D], in order of place.
      encoder: gives the positions of the tokens of its input.
      x: its input, [B, ...].

    Returns:
      [B, N, D].

    Raises:
      UserError: the mask they were made with has another number of tokens than the input.
    """
    positions = encoder.positions_of(x, tokens.shape[-1]).astype(tokens.dtype)
    if positions.shape[-2] != tokens.shape[-2]:
        raise UserError(
            f"the mask in the views has {tokens.shape[-2]} tokens and the encoder makes "
            f"{positions.shape[-2]} of this input: give the mask that number"
        )
    return tokens + positions


class MaskedDecoder(Ranged, nn.Module):
    """A light transformer over visible tokens and mask tokens with positions (He et al., 2022).

    Attributes:
      width: size of its tokens.
      depth: number of blocks.
      heads: attention heads.
      dtype: dtype of the computation.
    """

    width: Count
    depth: Count
    heads: Count
    dtype: str

    @nn.compact
    def __call__(
        self,
        encoder: nn.Module,
        x: Any,
        tokens: jax.Array,
        keep: jax.Array,
        masked: jax.Array,
        *,
        train: bool,
    ) -> jax.Array:
        """Maps tokens [B, K, D] at places keep [B, K] to [B, N, width], in order of place.

        Args:
          encoder: says where the tokens of its input lie, and which are padding.
          x: its input, [B, ...].
          tokens: its tokens.
          keep: their places.
          masked: the other places, [B, N - K].
          train: whether this is training.
        """
        visible = Dense(self.width, dtype=self.dtype, name="embedding")(tokens)
        token = self.param("mask_token", nn.initializers.normal(0.02), (self.width,))
        tokens = with_places(in_order(visible, token, keep, masked), encoder, x)
        real = real_tokens(encoder, x)
        allowed = None if real is None else real[:, None, None]
        sizes = (self.depth, self.heads)
        decoder = blocks_like(encoder, *sizes, dtype=self.dtype, name="transformer")
        return decoder(tokens, mask=allowed, train=train)[0]


class MaskedAutoencoder(Ranged, nn.Module):
    """An encoder of the visible patches and a light decoder of all of them (He et al., 2022).

    Attributes:
      encoder: a module that can drop tokens (`keep`) and that cuts its input into patches.
      width: size of the decoder's tokens.
      depth: number of its blocks.
      heads: its attention heads.
      dtype: dtype in which the decoder computes.
      out: size of a prediction; see `target_size`.
      class_token: whether the decoder also sees the encoder's class token, as in the authors' code.
      predict_class: whether the prediction at the class token is returned as well, as the first.
    """

    encoder: nn.Module
    width: Count
    depth: Count
    heads: Count
    dtype: str
    out: int | str = "patches"
    class_token: bool = False
    predict_class: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, keep: jax.Array, masked: jax.Array, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...], keep [B, K] and masked [B, N - K] to (pooled, predictions).

        The predictions are [B, N, P], in order of place; [B, 1 + N, P] with `predict_class`.
        """
        features = self.encoder(x, keep=keep, train=train)
        embed = Dense(self.width, dtype=self.dtype, name="decoder_embedding")
        visible = embed(features.tokens)
        token = self.param("mask_token", nn.initializers.normal(0.02), (self.width,))
        tokens = with_places(in_order(visible, token, keep, masked), self.encoder, x)
        sizes = (self.depth, self.heads)
        decoder = blocks_like(self.encoder, *sizes, dtype=self.dtype, name="decoder")
        real = real_tokens(self.encoder, x)
        if self.class_token:
            if "cls" not in features.extras:
                raise UserError("a decoder that sees the class token needs an encoder with one")
            first = embed(features.extras["cls"][:, None])
            tokens = jnp.concatenate([first, tokens], axis=1)
            real = None if real is None else jnp.pad(real, ((0, 0), (1, 0)), constant_values=True)
        tokens, _ = decoder(tokens, mask=None if real is None else real[:, None, None], train=train)
        if self.class_token and not self.predict_class:
            tokens = tokens[:, 1:]
        size = target_size(self.out, self.encoder, x, features.tokens)
        return features.pooled, Dense(size, dtype=self.dtype, name="decoder_output")(tokens)


class ConvDecoder(Ranged, nn.Module):
    """Convolutions over the grid of visible tokens and mask tokens.

    Each layer is a convolution, a layer normalisation without learned parts and GELU, added to its
    input if the widths are equal; a linear layer comes last. No position embedding is needed, since
    the position of a token follows from its neighbours.

    Baevski et al., "Efficient Self-supervised Learning with Contextualized Target Representations
    for Vision, Speech and Language" (data2vec 2.0), 2023.

    Attributes:
      width: channels of the layers.
      depth: number of layers.
      groups: groups of channels of a convolution.
      kernel: tokens along a side of a kernel.
      dtype: dtype of the computation.
    """

    width: Count
    depth: Count
    groups: Count = 1
    kernel: Count = 3
    dtype: str = "float32"

    @nn.compact
    def __call__(self, encoder: nn.Module, x: Any, tokens: jax.Array) -> jax.Array:
        """Maps tokens [B, N, D], in order of place, to predictions [B, N, D].

        Args:
          encoder: says how the tokens of its input lie (`layout`).
          x: its input, [B, ...].
          tokens: of all places.
        """
        batch, count, out = tokens.shape
        rows, columns = encoder.layout(jax.tree.leaves(x)[0].shape, count)
        tokens = tokens.reshape(batch, rows, columns, out)
        real = real_tokens(encoder, x)
        real = None if real is None else real.reshape(batch, rows, columns, 1)
        for i in range(self.depth):
            # Padding is what lies beyond the edge: zero before every convolution.
            tokens = tokens if real is None else jnp.where(real, tokens, 0)
            conv = Conv(
                self.width, self.kernel, groups=self.groups, dtype=self.dtype, name=f"conv{i}"
            )
            norm = layer_norm(dtype=self.dtype, scale=False, shift=False, name=f"norm{i}")
            y = jax.nn.gelu(norm(conv(tokens)), approximate=False)
            tokens = tokens + y if tokens.shape == y.shape else y
        tokens = tokens.reshape(batch, count, -1)
        return Dense(out, dtype=self.dtype, name="output")(tokens)
