"""Maximum with a numerically safe gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def largest(x: jax.Array, axis: int, real: jax.Array | None = None) -> jax.Array:
    """The largest value along an axis, ignoring padding.

    The gradient goes to the index of the maximum. The gradient of `jnp.max` searches for the value
    again; a compiler that recomputes it with other rounding finds no match and divides by 0.

    Args:
      x: any shape, float.
      axis: over which the largest is sought.
      real: bool, broadcastable to `x`; False where there is padding. None where there is none.

    Returns:
      `x` without the axis.
    """
    candidates = jax.lax.stop_gradient(x)
    if real is not None:
        candidates = jnp.where(real, candidates, -jnp.inf)
    place = jnp.argmax(candidates, axis=axis, keepdims=True)
    here = place == jax.lax.broadcasted_iota(place.dtype, x.shape, axis % x.ndim)
    return jnp.sum(jnp.where(here, x, 0), axis=axis)
