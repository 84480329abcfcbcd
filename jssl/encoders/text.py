"""The encoder of sequences of symbols [B, N]: bytes of a text, residues of a protein."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import BelowOne, Count, Natural, Naturals, Positive
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.positions import sincos_1d

POSITIONS = ("sincos", "learned")
_LATER = {"later": True}


class SymbolTransformer(TokenEncoder):
    """A transformer over symbols; symbol 0 is padding, excluded from attention and pooling.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      vocabulary: number of symbols, 0 included.
      embedding_scale: factor on the learned vectors, which are initialised smaller by the same
        factor, so that Adam changes them faster by this factor; "Attention is all you need" (2017),
        section 3.4, uses the square root of the width. Without it, rare symbols stay close to their
        initialisation for many epochs.
      dropout: rate at the end of each branch of a block, in training.
      positions: "sincos", or "learned", a vector for each place up to `max_length` (BERT, CLIP).
      max_length: longest sequence with learned positions.
      token_types: number of learned vectors for the types of tokens (BERT's sentences A and B),
        added to the positions; 0 for none. The input is then symbols, all of type 0, or
        {"symbols", "types"}, each int [B, N].
      causal: whether a symbol attends to earlier ones and itself alone (CLIP's text).
      activation: non-linearity of the MLPs.
      post_norm: normalise after each residual sum in place of before each branch (BERT); the stack
        then has no final norm.
      input_norm: whether the embedded tokens are normalised before the first block (BERT).
      eps: added to the variance by every normalisation.
      projection: width of a linear map of the pooled vector, without bias; 0 for none.
      lora: rank of low-rank additions to the kernels of the blocks (Hu et al., 2022); 0 for none.
      sites: positions whose tokens, side by side, are the pooled vector in place of `pool`, for
        sequences that differ in a few places, such as the variants of a protein; () for none.
    """

    vocabulary: Count = 257
    embedding_scale: Positive = 1.0
    dropout: BelowOne = 0.0
    positions: str = dataclasses.field(default="sincos", metadata=_LATER)
    max_length: Count = dataclasses.field(default=512, metadata=_LATER)
    token_types: Natural = dataclasses.field(default=0, metadata=_LATER)
    causal: bool = dataclasses.field(default=False, metadata=_LATER)
    activation: str = dataclasses.field(default="gelu", metadata=_LATER)
    post_norm: bool = dataclasses.field(default=False, metadata=_LATER)
    input_norm: bool = dataclasses.field(default=False, metadata=_LATER)
    eps: Positive = dataclasses.field(default=1e-6, metadata=_LATER)
    projection: Natural = dataclasses.field(default=0, metadata=_LATER)
    lora: Natural = dataclasses.field(default=0, metadata=_LATER)
    sites: Naturals = dataclasses.field(default=(), metadata=_LATER)

    def smoke(self) -> SymbolTransformer:
        """As for all; a site is the first one, since the sequences of a test are short."""
        return super().smoke().clone(sites=self.sites and (0,))

    def patches(self, x: Any) -> jax.Array:
        """int [B, N] -> int [B, N, 1]."""
        x = _symbols(x)
        if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.integer):
            raise UserError(f"this encoder takes symbols int [B, N], not {x.dtype} {x.shape}")
        return x[..., None]

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """[B, N, 1] -> [B, N]."""
        return patches.reshape(shape)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """A learned vector for each symbol."""
        start = nn.initializers.normal(0.5 / self.embedding_scale)
        table = self.param("symbols", start, (self.vocabulary, self.width), jnp.float32)
        return self.embedding_scale * table[patches[..., 0]]

    def valid(self, x: Any) -> jax.Array:
        """All tokens except symbol 0."""
        return _symbols(x) != 0

    def sees(self, shape: Sequence[int]) -> jax.Array | None:
        """Earlier tokens and itself, where `causal`."""
        return jnp.tri(shape[1], dtype=bool) if self.causal else None

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Sine-cosine embedding of the position."""
        return jnp.asarray(sincos_1d(np.arange(shape[1]), width))

    def place(self, x: Any, indices: jax.Array, count: int) -> jax.Array:
        """Positions, and the types of tokens where there are such."""
        start = nn.initializers.normal(0.02)
        if self.positions not in POSITIONS:
            known = nearest(self.positions, POSITIONS)
            raise UserError(f"no positions of symbols are called {self.positions!r}: {known}")
        if self.positions == "sincos":
            found = super().place(x, indices, count)
        else:
            if count > self.max_length:
                raise UserError(
                    f"a sequence of {count} symbols is longer than max_length, {self.max_length}: "
                    "cut it"
                )
            shape = (self.max_length, self.width)
            found = self.param("position_table", start, shape, jnp.float32)[indices]
        if self.token_types:
            types = self.param("type_table", start, (self.token_types, self.width), jnp.float32)
            own = x["types"] if isinstance(x, Mapping) else jnp.zeros_like(x)
            found = found + types[jnp.take_along_axis(own, indices, axis=1)]
        return found

    def _pooled(
        self,
        tokens: jax.Array,
        extras: dict[str, jax.Array],
        weights: jax.Array,
        member: jax.Array,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        pooled, extras = super()._pooled(tokens, extras, weights, member)
        if not self.sites:
            return pooled, extras
        if max(self.sites) >= tokens.shape[1]:
            raise UserError(
                f"sites is {self.sites}; the last must be below {tokens.shape[1]}, the length of "
                "the sequences"
            )
        read = tokens[:, list(self.sites)].reshape(len(tokens), -1)
        return self._projected(read), extras


def _symbols(x: Any) -> jax.Array:
    return x["symbols"] if isinstance(x, Mapping) else x
