"""Views and masks of one sequence of symbols int [N]; 0 is padding at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jssl.data.source import entry


def symbol_mask(
    key: jax.Array, example: Mapping[str, Any], *, ratio: float = 0.15, field: str = "text"
) -> dict[str, jax.Array]:
    """Hides a share of the real symbols, to the nearest number but at least one.

    Args:
      key: PRNG key.
      example: has the sequence.
      ratio: share to hide.
      field: name of the sequence.

    Returns:
      dict(mask bool [N]), never True at padding.
    """
    real = entry(example, field) != 0
    score = jnp.where(real, jax.random.uniform(key, real.shape), 2.0)
    rank = jnp.argsort(jnp.argsort(score))
    return {"mask": real & (rank < jnp.maximum(jnp.round(ratio * jnp.sum(real)), 1))}


def delete_symbols(key: jax.Array, x: jax.Array, *, rate: float = 0.1) -> jax.Array:
    """Takes symbols out, each with a probability; the rest moves up, padding fills the end."""
    kept = (x != 0) & (jax.random.uniform(key, x.shape) >= rate)
    order = jnp.argsort(~kept, stable=True)
    return jnp.where(kept[order], x[order], 0)


def crop_symbols(
    key: jax.Array, x: jax.Array, *, share: tuple[float, float] = (0.5, 1.0)
) -> jax.Array:
    """A random stretch of a sequence, moved to the front; padding fills the end."""
    count = jnp.sum(x != 0)
    u = jax.random.uniform(key, (2,))
    size = jnp.maximum(jnp.round((share[0] + (share[1] - share[0]) * u[0]) * count), 1)
    start = jnp.floor(u[1] * (count - size + 1)).astype(jnp.int32)
    places = jnp.arange(x.shape[0])
    found = x[jnp.minimum(places + start, x.shape[0] - 1)]
    return jnp.where(places < size, found, 0)
