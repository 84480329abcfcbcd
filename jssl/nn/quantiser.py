"""A product quantiser: one entry of each of several codebooks, chosen with Gumbel noise."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Ranged
from jssl.nn import module as nn
from jssl.nn.dense import Dense, product


class Codes(NamedTuple):
    """The output of a quantiser.

    Attributes:
      vectors: [..., out], the chosen entries, concatenated and mapped linearly.
      logits: float32 [..., G, V], scores of the entries.
      index: int32 [..., G], the entries chosen.
    """

    vectors: jax.Array
    logits: jax.Array
    index: jax.Array


def straight_through(
    logits: jax.Array, noise: jax.Array | None, temperature: float | jax.Array
) -> jax.Array:
    """One-hot choice of the largest noisy score, with the gradient of a soft one.

    Args:
      logits: [..., V], any float dtype.
      noise: [..., V], Gumbel noise; None for none.
      temperature: positive scalar of the soft choice.

    Returns:
      float32 [..., V]: zeros and a one; its gradient is that of softmax((logits + noise) / T).

    Source: Jang et al., "Categorical Reparameterization with Gumbel-Softmax", 2017, section 2.2.
    """
    noisy = logits.astype(jnp.float32) + (0.0 if noise is None else noise)
    soft = jax.nn.softmax(noisy / temperature, axis=-1)
    hard = jax.nn.one_hot(jnp.argmax(noisy, axis=-1), logits.shape[-1], dtype=jnp.float32)
    return hard + (soft - jax.lax.stop_gradient(soft))


class GumbelQuantiser(Ranged, nn.Module):
    """G codebooks of V entries each (Baevski et al., "wav2vec 2.0", 2020, section 2, eq. 1).

    Attributes:
      groups: G.
      entries: V.
      width: of the chosen entries side by side; G must divide it.
      out: of the result.
      dtype: dtype of the computation; parameters are float32.
    """

    groups: Count
    entries: Count
    width: Count
    out: Count
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, x: jax.Array, noise: jax.Array | None = None, temperature: float | jax.Array = 1.0
    ) -> Codes:
        """Quantises.

        Args:
          x: [..., D], each of about unit variance.
          noise: [..., G, V], Gumbel noise; None takes the likeliest entries.
          temperature: of the gradient's softmax.
        """
        places, each = x.shape[:-1], self.width // self.groups
        start = nn.initializers.normal(1.0)
        # Scores well above the noise from the start: else the noise chooses, and no step of a
        # sequence can be told from another. That is why the inputs should be normalised.
        kernel = self.param("scores", start, (x.shape[-1], self.groups * self.entries), jnp.float32)
        scores = product(x.reshape(-1, x.shape[-1]), kernel)
        logits = scores.reshape(*places, self.groups, self.entries)
        chosen = straight_through(logits, noise, temperature)
        books = self.param("books", start, (self.groups, self.entries, each), jnp.float32)
        flat = chosen.reshape(-1, self.groups, self.entries).swapaxes(0, 1)
        entries = product(flat, books, self.dtype).swapaxes(0, 1).reshape(*places, self.width)
        vectors = Dense(self.out, kernel_init="lecun", dtype=self.dtype, name="output")(entries)
        return Codes(vectors, logits, jnp.argmax(chosen, axis=-1).astype(jnp.int32))
