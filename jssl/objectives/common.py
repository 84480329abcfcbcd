"""Functions shared by many objectives."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Natural, NonNegative, Positive, checked


def l2_normalize(x: jax.Array, *, axis: int = -1) -> jax.Array:
    """Scales vectors to unit length; the zero vector stays zero and has a zero gradient.

    Args:
      x: [..., D], any float dtype.
      axis: axis of the vectors.

    Returns:
      float32 array of the same shape.
    """
    x = x.astype(jnp.float32)
    # Length is found after dividing by the largest entry, which cannot overflow in float32.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=axis, keepdims=True))
    x = x / jnp.where(largest > 0, largest, 1.0)
    square = jnp.sum(x * x, axis=axis, keepdims=True)
    return x * jnp.where(square > 0, jax.lax.rsqrt(jnp.maximum(square, 1e-12)), 0.0)


def matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    """Matrix product in full float32 on every device (TPUs and GPUs round inputs by default)."""
    return jnp.matmul(
        a.astype(jnp.float32), b.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST
    )


@checked
def standardize(x: jax.Array, *, epsilon: NonNegative = 1e-5, ddof: Natural = 0) -> jax.Array:
    """Each vector to mean 0 and variance 1: layer normalisation without learned parts.

    Args:
      x: [..., D], any float dtype.
      epsilon: added to the variance.
      ddof: 1 for the unbiased variance.

    Returns:
      float32 array of the same shape.
    """
    x = x.astype(jnp.float32)
    mean = jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.var(x, axis=-1, keepdims=True, ddof=ddof)
    return (x - mean) * jax.lax.rsqrt(variance + epsilon)


@checked
def log_softmax(scores: jax.Array, *, temperature: Positive | jax.Array = 1.0) -> jax.Array:
    """Logarithm of `softmax(scores / T)` over the last axis, safe for scores of any size.

    The largest score is subtracted before the division. If it were subtracted afterwards, a
    compiler that fuses the two operations would leave a rounding error proportional to the scores.

    Args:
      scores: [..., K], any float dtype.
      temperature: positive scalar T.

    Returns:
      float32 [..., K].
    """
    scores = scores.astype(jnp.float32)
    largest = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))
    return jax.nn.log_softmax((scores - largest) / temperature, axis=-1)
