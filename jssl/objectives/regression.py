"""Objectives that regress one representation onto another."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Positive, checked
from jssl.objectives.common import l2_normalize


def cosine_regression(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Squared distance of unit vectors, `2 - 2 cos(prediction, target)`.

    No gradient is stopped here: the caller decides what the target is.

    Args:
      prediction: [..., D], any float dtype.
      target: [..., D].

    Returns:
      float32 [...], between 0 (same direction) and 4 (opposite).

    Raises:
      AssertionError: if the shapes differ.

    Source: Grill et al., "Bootstrap Your Own Latent", 2020, eq. 2.
    """
    chex.assert_equal_shape([prediction, target])
    difference = l2_normalize(prediction) - l2_normalize(target)
    return jnp.sum(difference * difference, axis=-1)


@checked
def smooth_l1(prediction: jax.Array, target: jax.Array, *, beta: Positive = 1.0) -> jax.Array:
    """Huber's error over beta, averaged over the last axis: square near zero, absolute beyond.

    No gradient is stopped here: the caller decides what the target is.

    Args:
      prediction: [..., D], any float dtype.
      target: [..., D].
      beta: where the two meet; the slope beyond it is 1.

    Returns:
      float32 [...].

    Raises:
      AssertionError: if the shapes differ.

    Source: Girshick, "Fast R-CNN", 2015, eq. 3, where beta is 1.
    """
    chex.assert_equal_shape([prediction, target])
    size = jnp.abs(prediction.astype(jnp.float32) - target.astype(jnp.float32))
    near = jnp.minimum(size, beta)  # never squares a large number
    return jnp.mean(near * near / (2.0 * beta) + (size - near), axis=-1)
