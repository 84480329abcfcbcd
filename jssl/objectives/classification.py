"""Objectives of classification: labels, smoothed labels, soft targets, places."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import NonNegative, Positive, Unit, checked
from jssl.objectives.common import log_softmax, matmul


@checked
def cross_entropy(logits: jax.Array, labels: jax.Array, *, smoothing: Unit = 0.0) -> jax.Array:
    """Cross-entropy with labels, smoothed towards the uniform distribution.

    Args:
      logits: [..., K], any float dtype.
      labels: int [...] in 0 ... K - 1; any other label makes the loss NaN.
      smoothing: share of the target that is spread over all K classes.

    Returns:
      float32 [...].

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016,
    section 7.
    """
    chex.assert_shape(labels, logits.shape[:-1])
    scores = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    inside = (labels >= 0) & (labels < logits.shape[-1])
    own = jnp.take_along_axis(scores, jnp.where(inside, labels, 0)[..., None], axis=-1)[..., 0]
    own = jnp.where(inside, own, jnp.nan)
    return -(1.0 - smoothing) * own - smoothing * jnp.mean(scores, axis=-1)


@checked
def soft_cross_entropy(
    logits: jax.Array, targets: jax.Array, *, temperature: Positive | jax.Array = 1.0
) -> jax.Array:
    """Cross-entropy of a target distribution and `softmax(logits / T)`.

    Args:
      logits: [..., K], any float dtype.
      targets: [..., K], rows sum to one. No gradient is stopped here.
      temperature: positive scalar T.

    Returns:
      float32 [...].
    """
    chex.assert_equal_shape([logits, targets])
    scores = log_softmax(logits, temperature=temperature)
    return -jnp.sum(targets.astype(jnp.float32) * scores, axis=-1)


def binary_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Cross-entropy of yes and no, from the logit of yes.

    Args:
      logits: [...], any float dtype.
      targets: [...], bool, or the probability of yes.

    Returns:
      float32 [...], finite for logits of any size.
    """
    chex.assert_is_broadcastable(jnp.shape(targets), logits.shape)
    logits = logits.astype(jnp.float32)
    return jax.nn.softplus(logits) - jnp.asarray(targets, jnp.float32) * logits


def accuracy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """1 where the largest logit is the label's, else 0; float32 [...]."""
    chex.assert_shape(labels, logits.shape[:-1])
    return (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)


@checked
def smoothed_places(coordinates: jax.Array, sigma: NonNegative | jax.Array) -> jax.Array:
    """Target distributions over places that spread to near ones.

    Row i is proportional to exp(-|c_i - c_j|^2 / sigma^2).

    Args:
      coordinates: [N, d], in units of a token.
      sigma: reach of the spread, in tokens; may be traced. At 0 each row is one-hot.

    Returns:
      float32 [N, N], rows sum to one.

    Source: Wang et al., "DropPos: Pre-Training Vision Transformers by Reconstructing Dropped
    Positions", 2023, section 3.2; the square of the distance is the authors' code's.
    """
    chex.assert_rank(coordinates, 2)
    c = coordinates.astype(jnp.float32)
    square = jnp.sum(c * c, axis=1)
    distance = jnp.maximum(square[:, None] + square[None] - 2.0 * matmul(c, c.T), 0.0)
    return jax.nn.softmax(-distance / jnp.maximum(jnp.square(sigma), 1e-6), axis=-1)
