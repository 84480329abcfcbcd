"""Sketched isotropic Gaussian regularisation: a test of normality on random slices."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Count, Positive, Unit, checked
from jssl.objectives.common import l2_normalize, matmul


@checked
def epps_pulley(x: jax.Array, *, points: Count = 17, limit: Positive = 5.0) -> jax.Array:
    """Epps-Pulley statistic of samples against the standard normal distribution.

    `B * integral |mean_b exp(i t x_b) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt` over [-limit, limit] by
    the trapezoidal rule.

    Args:
      x: [B, M], M sets of B samples, any float dtype.
      points: number of points of the rule on the whole interval, odd.
      limit: end of the interval.

    Returns:
      float32 [M]; for B normal samples its expectation does not depend on B (0.72 by the default
      rule), for anything else it grows like B.

    Raises:
      ValueError: if `points` is even or below 3.

    Source: Balestriero & LeCun, "LeJEPA", 2025, section 4 and algorithm 1 (17 points on [-5, 5]);
    Epps & Pulley, "A test for normality based on the empirical characteristic function", 1983.
    """
    chex.assert_rank(x, 2)
    if points < 3 or points % 2 == 0:
        raise ValueError(f"the number of points must be odd and at least 3, not {points}")
    # The integrand is even: one half of the points carries twice the weight.
    t = np.linspace(0.0, limit, points // 2 + 1)
    weight = np.full(len(t), 2 * t[1])
    weight[[0, -1]] = t[1]
    gauss = np.exp(-0.5 * t * t)
    # Beyond this a sine in float32 is noise; no gradient there.
    angles = jnp.clip(x.astype(jnp.float32), -1e4, 1e4)[..., None] * t.astype(np.float32)
    real = jnp.mean(jnp.cos(angles), axis=0) - gauss.astype(np.float32)
    imaginary = jnp.mean(jnp.sin(angles), axis=0)
    error = real * real + imaginary * imaginary
    return x.shape[0] * jnp.sum(error * (weight * gauss).astype(np.float32), axis=-1)


@checked
def random_slices(rng: jax.Array, width: Count, slices: Count) -> jax.Array:
    """Directions uniform on the sphere.

    Args:
      rng: PRNG key; one for the whole batch, so that all examples share the directions.
      width: D.
      slices: M.

    Returns:
      float32 [D, M], columns of unit length.
    """
    return l2_normalize(jax.random.normal(rng, (width, slices)), axis=0)


@checked
def sigreg(
    x: jax.Array, directions: jax.Array, *, points: Count = 17, limit: Positive = 5.0
) -> jax.Array:
    """Mean Epps-Pulley statistic of the embeddings' projections on the directions.

    Args:
      x: [B, D] embeddings of the global batch, any float dtype.
      directions: [D, M], see `random_slices`.
      points: see `epps_pulley`.
      limit: see `epps_pulley`.

    Returns:
      float32 scalar.

    Source: Balestriero & LeCun, "LeJEPA", 2025, algorithm 1.
    """
    chex.assert_rank([x, directions], 2)
    chex.assert_axis_dimension(directions, 0, x.shape[1])
    x = jnp.clip(x.astype(jnp.float32), -1e4, 1e4)
    return jnp.mean(epps_pulley(matmul(x, directions), points=points, limit=limit))


@checked
def lejepa(
    centre: jax.Array,
    views: jax.Array,
    directions: jax.Array,
    *,
    weight: Unit,
    points: Count = 17,
    limit: Positive = 5.0,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`(1 - weight) * prediction + weight * SIGReg`.

    Args:
      centre: [B, G, D] embeddings of the global views, any float dtype; their mean is predicted.
      views: [B, V, D] embeddings of all views, the global ones among them.
      directions: [D, M], see `random_slices`.
      weight: the paper's lambda.
      points: see `epps_pulley`.
      limit: see `epps_pulley`.

    Returns:
      (loss, prediction, regularizer), float32 scalars: the mean squared distance of views from the
      centre, and SIGReg of each view by itself, averaged over views.

    Source: Balestriero & LeCun, "LeJEPA", 2025, eq. 12 and algorithm 2.
    """
    chex.assert_rank([centre, views], 3)
    chex.assert_equal_shape([centre, views], dims=(0, 2))
    centre, views = (jnp.clip(x.astype(jnp.float32), -1e15, 1e15) for x in (centre, views))
    prediction = jnp.mean(jnp.square(views - jnp.mean(centre, axis=1, keepdims=True)))
    parts = [
        sigreg(views[:, v], directions, points=points, limit=limit) for v in range(views.shape[1])
    ]
    regularizer = sum(parts) / len(parts)
    return (1.0 - weight) * prediction + weight * regularizer, prediction, regularizer
