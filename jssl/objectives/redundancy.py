"""Redundancy reduction: statistics over the batch that keep the dimensions apart."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import BelowOne, Natural, NonNegative, checked
from jssl.objectives.common import matmul
from jssl.objectives.regression import cosine_regression

_LARGEST = 1e15  # squares of anything larger leave float32
_TINY = 1e-30


def _clip(x: jax.Array) -> jax.Array:
    """Float32 within the range in which squares are finite; no gradient beyond it."""
    return jnp.clip(x.astype(jnp.float32), -_LARGEST, _LARGEST)


@checked
def standardize_batch(x: jax.Array, *, epsilon: NonNegative = 1e-5, ddof: Natural = 0) -> jax.Array:
    """Each dimension to mean 0 and variance 1 over the batch.

    Args:
      x: [B, D], any float dtype.
      epsilon: added to the variance.
      ddof: 0 divides the sum of squares by B (BatchNorm), 1 by B - 1.

    Returns:
      float32 [B, D]; 0 in a dimension that is constant.
    """
    chex.assert_rank(x, 2)
    x = _clip(x)
    centred = x - jnp.mean(x, axis=0)
    # Found at unit scale, where the square of a large number cannot overflow.
    scale = jnp.maximum(jax.lax.stop_gradient(jnp.max(jnp.abs(centred), axis=0)), 1.0)
    centred = centred / scale
    variance = jnp.sum(centred * centred, axis=0) / max(x.shape[0] - ddof, 1)
    return centred * jax.lax.rsqrt(jnp.maximum(variance + epsilon / (scale * scale), _TINY))


def cross_correlation(a: jax.Array, b: jax.Array) -> jax.Array:
    """`a^T b / B` of two standardised batches.

    Args:
      a: [B, D], see `standardize_batch`.
      b: [B, E].

    Returns:
      float32 [D, E].
    """
    chex.assert_rank([a, b], 2)
    chex.assert_axis_dimension(b, 0, a.shape[0])
    return matmul(a.T, b) / a.shape[0]


@checked
def barlow_twins(a: jax.Array, b: jax.Array, *, off_diagonal: NonNegative) -> jax.Array:
    """Squared distance of the views' cross-correlation matrix from the identity.

    `sum_i (1 - C_ii)^2 + off_diagonal * sum_{i != j} C_ij^2`.

    Args:
      a: [B, D] embeddings of one view, any float dtype.
      b: [B, D] embeddings of the other view of the same examples.
      off_diagonal: weight of the redundancy term, the paper's lambda.

    Returns:
      float32 scalar; D for collapsed embeddings.

    Raises:
      AssertionError: if the shapes differ.

    Source: Zbontar et al., "Barlow Twins", 2021, eqs. 1 and 2.
    """
    _same(a, b)
    correlation = cross_correlation(standardize_batch(a), standardize_batch(b))
    diagonal = jnp.eye(a.shape[1], dtype=bool)
    invariance = jnp.sum(jnp.square(1.0 - jnp.diagonal(correlation)))
    redundancy = jnp.sum(jnp.square(jnp.where(diagonal, 0.0, correlation)))
    return invariance + off_diagonal * redundancy


def mixed_correlation(
    mixed: jax.Array, a: jax.Array, b: jax.Array, partner: jax.Array, share: jax.Array
) -> jax.Array:
    """How far embeddings of mixed inputs are from correlating like mixed embeddings.

    With m = standardised `mixed`, made of `share * a_i + (1 - share) * b_partner(i)`, and
    r_i = share * a_i + (1 - share) * b_partner(i) of the standardised embeddings:
    `|m^T a - r^T a|^2 / B^2 + |m^T b - r^T b|^2 / B^2`.

    Args:
      mixed: [B, D] embeddings of the mixed inputs, any float dtype.
      a: [B, D] embeddings of one view.
      b: [B, D] embeddings of the other.
      partner: int [B], the example whose view `b` was mixed in.
      share: [B], the share of view `a`.

    Returns:
      float32 scalar.

    Raises:
      AssertionError: if the shapes differ.

    Source: Bandara et al., "Guarding Barlow Twins Against Overfitting with Mixed Samples", 2023,
    eqs. 4 to 6.
    """
    _same(a, b, mixed)
    chex.assert_shape([partner, share], (a.shape[0],))
    mixed, a, b = (standardize_batch(x) for x in (mixed, a, b))
    share = share.astype(jnp.float32)[:, None]
    difference = mixed - (share * a + (1.0 - share) * b[partner])
    return sum(jnp.sum(jnp.square(cross_correlation(difference, x))) for x in (a, b))


@checked
def vicreg_variance(
    x: jax.Array, *, target: NonNegative = 1.0, epsilon: NonNegative = 1e-4
) -> jax.Array:
    """Hinge on the standard deviation of each dimension, averaged over dimensions.

    Args:
      x: [B, D] embeddings, any float dtype.
      target: standard deviation below which a dimension is pushed apart.
      epsilon: added to the variance.

    Returns:
      float32 scalar between 0 and `target`.

    Source: Bardes et al., "VICReg", 2022, eqs. 1 and 2.
    """
    chex.assert_rank(x, 2)
    x = _clip(x)
    variance = jnp.var(x, axis=0, ddof=min(1, x.shape[0] - 1))
    return jnp.mean(jax.nn.relu(target - jnp.sqrt(variance + epsilon)))


def vicreg_covariance(x: jax.Array) -> jax.Array:
    """Sum of the squared covariances of different dimensions, over D.

    Args:
      x: [B, D] embeddings, any float dtype.

    Returns:
      float32 scalar.

    Source: Bardes et al., "VICReg", 2022, eqs. 3 and 4.
    """
    chex.assert_rank(x, 2)
    x = jnp.clip(x.astype(jnp.float32), -1e6, 1e6)  # the fourth power is summed
    centred = x - jnp.mean(x, axis=0)
    covariance = matmul(centred.T, centred) / max(x.shape[0] - 1, 1)
    diagonal = jnp.eye(x.shape[1], dtype=bool)
    return jnp.sum(jnp.square(jnp.where(diagonal, 0.0, covariance))) / x.shape[1]


def mean_squared(a: jax.Array, b: jax.Array) -> jax.Array:
    """Mean squared difference of each example.

    Args:
      a: [B, D], any float dtype.
      b: [B, D].

    Returns:
      float32 [B].

    Raises:
      AssertionError: if the shapes differ.
    """
    _same(a, b)
    return jnp.mean(jnp.square(_clip(a) - _clip(b)), axis=-1)


def squared_distance(a: jax.Array, b: jax.Array) -> jax.Array:
    """Squared Euclidean distance of each example, D times `mean_squared`.

    Args:
      a: [B, D], any float dtype.
      b: [B, D].

    Returns:
      float32 [B].

    Raises:
      AssertionError: if the shapes differ.
    """
    return a.shape[-1] * mean_squared(a, b)


@checked
def whiten(x: jax.Array, *, epsilon: BelowOne = 1e-4) -> jax.Array:
    """Subtracts the mean and multiplies with the inverse Cholesky factor of the covariance.

    Args:
      x: [B, D], any float dtype; B should exceed D.
      epsilon: share of the mean variance that replaces as much of the covariance, so that a
        singular one has a factor.

    Returns:
      float32 [B, D], of mean 0 and unit covariance; 0 if all rows are equal.

    Source: Ermolov et al., "Whitening for Self-Supervised Representation Learning", 2021, eq. 3
    and section 3.1; Siarohin et al., "Whitening and Coloring Batch Transform for GANs", 2019.
    """
    chex.assert_rank(x, 2)
    count, width = x.shape
    x = _clip(x)
    centred = x - jnp.mean(x, axis=0)
    # Whitening is blind to scale, so that the scale can be one at which nothing overflows.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(centred)))
    centred = centred / jnp.where(largest > 0, largest, 1.0)
    covariance = matmul(centred.T, centred) / max(count - 1, 1)
    mean = jnp.trace(covariance) / width
    floor = epsilon * mean + _TINY
    covariance = (1.0 - epsilon) * covariance + floor * jnp.eye(width)
    factor = jnp.linalg.cholesky(covariance)
    return jax.scipy.linalg.solve_triangular(factor, centred.T, lower=True).T


@checked
def w_mse(
    views: jax.Array, *, groups: jax.Array | None = None, epsilon: BelowOne = 1e-4
) -> jax.Array:
    """Distance of whitened unit embeddings of the views of an example, over all pairs of views.

    Args:
      views: [B, V, D] embeddings of V views, any float dtype.
      groups: int [G, S], which examples are whitened together, each view by itself; B = G S. None
        for all together.
      epsilon: see `whiten`.

    Returns:
      float32 [B], the mean over pairs of views; between 0 and 4.

    Raises:
      AssertionError: if there are fewer than two views.

    Source: Ermolov et al., "Whitening for Self-Supervised Representation Learning", 2021, eq. 6
    with the cosine distance, and section 3.2.
    """
    chex.assert_rank(views, 3)
    chex.assert_axis_dimension_gteq(views, 1, 2)
    batch, count, width = views.shape
    groups = jnp.arange(batch)[None] if groups is None else groups
    chex.assert_rank(groups, 2)
    chex.assert_size(groups, batch)
    parts = views[groups].swapaxes(1, 2).reshape(-1, groups.shape[1], width)
    parts = jax.vmap(lambda part: whiten(part, epsilon=epsilon))(parts)
    parts = parts.reshape(len(groups), count, -1, width).swapaxes(1, 2).reshape(batch, count, width)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    loss = sum(cosine_regression(parts[:, i], parts[:, j]) for i, j in pairs) / len(pairs)
    return loss[jnp.argsort(groups.reshape(-1))]


def _same(*arrays: jax.Array) -> None:
    """All are [B, D] of one shape."""
    chex.assert_rank(arrays, 2)
    chex.assert_equal_shape(arrays)
