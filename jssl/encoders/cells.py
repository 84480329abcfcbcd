"""Encoder of table rows given as cells (words and numbers), shared by tables with any columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Count
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.norm import layer_norm
from jssl.nn.positions import sincos_1d

PARTS = ("column", "number", "value", "words")


class CellTransformer(TokenEncoder):
    """A gated transformer over cells (Wang & Sun, "TransTab", 2022, sections 3.1 and 3.2).

    Words are embedded by one table shared by all data sets; a number is embedded as the mean of its
    column's words times the number, plus a bias (eq. 1). Tokens have no positions, so the encoder
    is invariant to the order of columns, and a word does not depend on its column. Each token has a
    gate in the MLP of a block (eq. 3). No parameter depends on the number of columns; tokens of
    column 0 are padding and do not change the result. A row is given as the dict of
    `jssl.data.cells.cells`.

    Differs from the authors' code: blocks are pre-norm with GELU, theirs post-norm with ReLU; whole
    words are hashed, while theirs are split by BERT's tokeniser.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      vocabulary: number of embeddings; words with the same hash share one.
      token_gate: whether blocks have gates.
    """

    pool: str = "cls"
    vocabulary: Count = 4096
    token_gate: bool = True

    def patches(self, x: Mapping[str, jax.Array]) -> jax.Array:
        """Cells [B, N] -> [B, N, W + 2]: hashes of words, whether it is a number, the value."""
        if not isinstance(x, Mapping) or not set(PARTS) <= set(x):
            raise UserError(
                f"this encoder takes rows as cells, a dict of {', '.join(PARTS)}; see "
                "jssl.data.cells"
            )
        indices = jnp.where(x["words"] > 0, x["words"] % (self.vocabulary - 1) + 1, 0)
        parts = (indices, x["number"][..., None], x["value"][..., None])
        return jnp.concatenate([part.astype(jnp.float32) for part in parts], axis=-1)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """Words, and words times a number."""
        del indices
        words, number, value = patches[..., :-2], patches[..., -2:-1], patches[..., -1:]
        shape = (self.vocabulary, self.width)
        table = self.param("words", nn.initializers.normal(1.0), shape, jnp.float32)
        table = layer_norm(name="word_norm")(table)
        real = (words > 0).astype(jnp.float32)[..., None]
        token = jnp.sum(real * table[words.astype(jnp.int32)], axis=2)
        token /= jnp.maximum(jnp.sum(real, axis=2), 1.0)
        start = nn.initializers.normal(self.width**-0.5)
        bias = self.param("number_bias", start, (self.width,), jnp.float32)
        token = jnp.where(number > 0, value * token + bias, token)
        options = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        return Dense(self.width, use_bias=False, name="align", **options)(token)

    def place(self, x: Mapping[str, jax.Array], indices: jax.Array, count: int) -> jax.Array:
        """Zero: the encoder is invariant to the order of columns."""
        del x, count
        return jnp.zeros((*indices.shape, 1), jnp.float32)

    def valid(self, x: Mapping[str, jax.Array]) -> jax.Array:
        """All tokens except those of column 0."""
        return x["column"] > 0

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Sine and cosine of the token's number."""
        return jnp.asarray(sincos_1d(np.arange(shape[1]), width))
