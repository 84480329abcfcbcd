"""The encoder of sequences of symbols [B, N]: bytes of a text, residues of a protein."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import BelowOne, Count, Positive
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.positions import sincos_1d


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
    """

    vocabulary: Count = 257
    embedding_scale: Positive = 1.0
    dropout: BelowOne = 0.0

    def patches(self, x: jax.Array) -> jax.Array:
        """int [B, N] -> int [B, N, 1]."""
        if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.integer):
            raise UserError(f"this encoder takes symbols int [B, N], not {x.dtype} {x.shape}")
        return x[..., None]

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """[B, N, 1] -> [B, N]."""
        return patches.reshape(shape)

    def embed(self, patches: jax.Array, places: jax.Array) -> jax.Array:
        """A learned vector for each symbol."""
        start = nn.initializers.normal(0.5 / self.embedding_scale)
        table = self.param("symbols", start, (self.vocabulary, self.width), jnp.float32)
        return self.embedding_scale * table[patches[..., 0]]

    def valid(self, x: jax.Array) -> jax.Array:
        """All tokens except symbol 0."""
        return x != 0

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Sine-cosine embedding of the position."""
        return jnp.asarray(sincos_1d(np.arange(shape[1]), width))
