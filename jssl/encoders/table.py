"""Encoder of table rows [B, C] with one token per column."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Naturals
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.init import initializer
from jssl.nn.positions import sincos_1d


class TableTransformer(TokenEncoder):
    """A transformer over columns (Gorishniy et al., "FT-Transformer", 2021, section 3.3).

    A number is embedded as its product with a vector of its column, a category by an embedding
    table of its column. The column's own vector is added to both and also kept for masked columns.
    A row is one array of floats, with categories given as codes.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      categories: for each column 0 if it is numeric, else the number of its categories, code 0
        (missing) included; see `jssl.data.tables.categories`.
    """

    categories: Naturals = ()

    def patches(self, x: jax.Array) -> jax.Array:
        """[B, C] -> [B, C, 1]."""
        if x.ndim != 2 or x.shape[1] != len(self.categories):
            raise UserError(
                f"this encoder takes rows of {len(self.categories)} columns, one for each entry of "
                f"its field categories, not an input of shape {x.shape}"
            )
        return x[..., None]

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """[B, C, 1] -> [B, C]."""
        return patches.reshape(shape)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """The embedding of a column's value."""
        counts = np.asarray(self.categories)
        start, columns = initializer("uniform_fan_in"), len(counts)
        scale = self.param("scale", nn.initializers.normal(1.0), (columns, self.width))
        table = self.param("table", start, (max(int(counts.sum()), 1), self.width))
        first = jnp.asarray(np.cumsum(counts) - counts)[indices]
        kinds = jnp.asarray(counts)[indices]
        code = jnp.clip(patches[..., 0].astype(jnp.int32), 0, jnp.maximum(kinds - 1, 0))
        numbers = patches * scale[indices]
        return jnp.where((kinds > 0)[..., None], table[first + code], numbers)

    def place(self, x: jax.Array, indices: jax.Array, count: int) -> jax.Array:
        """The column's own vector, learned."""
        del x
        start = nn.initializers.normal(1.0)
        return self.param("columns", start, (count, self.width))[indices]

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Sine and cosine of the column's number."""
        return jnp.asarray(sincos_1d(np.arange(shape[1]), width))
