"""Objectives that spread representations over their space."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Positive, checked
from jssl.objectives.common import l2_normalize, matmul


@checked
def koleo(x: jax.Array, *, epsilon: Positive = 1e-8) -> jax.Array:
    """Kozachenko-Leonenko regulariser: `-log` of the distance to the nearest other example.

    Everything after the cast is float32: in half precision the similarity of near neighbours
    rounds to one and their distance to zero, whose logarithm is infinite.

    Args:
      x: [N, D], N >= 2, any float dtype; normalised here. Zero vectors are left at zero.
      epsilon: distances far below this count as this; the gradient of equal vectors is zero.

    Returns:
      float32 [N], in nats; between -ln 2 and -ln epsilon.

    Raises:
      AssertionError: if there is no other example.

    Source: Sablayrolles et al., "Spreading Vectors for Similarity Search", 2019, eq. 2; Oquab et
    al., "DINOv2", 2023, section 4.
    """
    chex.assert_rank(x, 2)
    chex.assert_axis_dimension_gteq(x, 0, 2)
    x = l2_normalize(x)
    # Distances do not change when all points move; about their mean, near points keep their digits.
    about = jax.lax.stop_gradient(x - jnp.mean(x, axis=0))
    length = jnp.sum(about * about, axis=1)
    distance = length[:, None] + length - 2.0 * matmul(about, about.T)
    nearest = jnp.argmin(jnp.where(jnp.eye(x.shape[0], dtype=bool), jnp.inf, distance), axis=1)
    square = jnp.sum(jnp.square(x - x[nearest]), axis=1)
    return -0.5 * jnp.log(square + epsilon * epsilon)
