"""Stochastic depth and dropout, with a draw of its own for each example."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.nn import rows


def drop_path(key: jax.Array, x: jax.Array, rate: float | jax.Array) -> jax.Array:
    """Stochastic depth (Huang et al., 2016): zeroes whole examples of a residual branch.

    Args:
      key: PRNG key.
      x: [B, ...], the branch.
      rate: probability in [0, 1) that an example's branch is dropped.

    Returns:
      The branch, kept examples divided by (1 - rate): its expectation is ``x``.
    """
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    kept = rows.draw(key, x.shape[0], lambda key: jax.random.bernoulli(key, keep))
    factor = kept.reshape(-1, *(1,) * (x.ndim - 1)) / keep
    return x * factor.astype(x.dtype)


def dropout(key: jax.Array, x: jax.Array, rate: float) -> jax.Array:
    """Dropout (Srivastava et al., 2014), drawn example by example: its expectation is ``x``.

    Args:
      key: PRNG key.
      x: [B, ...].
      rate: probability in [0, 1) that a value is zeroed.

    Returns:
      Values that are kept, divided by (1 - rate), and zeros.
    """
    kept = rows.draw(key, x.shape[0], lambda key: jax.random.bernoulli(key, 1 - rate, x.shape[1:]))
    return jnp.where(kept, x / jnp.asarray(1.0 - rate, x.dtype), jnp.zeros((), x.dtype))
