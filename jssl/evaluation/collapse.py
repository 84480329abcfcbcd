"""Statistics that detect feature collapse, cheap enough for the train step.

Pure functions of a batch of features [N, D], computed in float32 without gradients.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
from jax import lax


def feature_std(features: jax.Array) -> jax.Array:
    """Standard deviation of each dimension of the l2-normalised features.

    Zero in every dimension means that all examples share one feature vector (complete collapse);
    features spread evenly over the sphere have 1 / sqrt(D) in each dimension.
    Chen & He 2021, "Exploring Simple Siamese Representation Learning", section 4.1 and figure 2.

    Args:
      features: [N, D], any float type.

    Returns:
      Population standard deviations, float32 [D].
    """
    return jnp.std(_unit(features), axis=0)


def effective_rank(features: jax.Array, *, eps: float = 1e-7) -> jax.Array:
    """RankMe: the exponential of the entropy of the normalised singular values.

    Between 1 (all features on one line through the origin) and min(N, D). Features are not
    centred, as in the paper. Garrido et al. 2023, "RankMe: Assessing the Downstream Performance of
    Pretrained Self-Supervised Representations by Their Rank", equation 1.

    Args:
      features: [N, D], any float type.
      eps: added to each normalised singular value, as in the paper.

    Returns:
      The effective rank, float32 scalar.
    """
    chex.assert_rank(features, 2)
    x = lax.stop_gradient(features).astype(jnp.float32)
    singular = jnp.linalg.svd(x, compute_uv=False)
    # The floor gives all-zero features a rank of about 1 instead of NaN.
    p = singular / jnp.maximum(singular.sum(), jnp.finfo(jnp.float32).tiny) + eps
    return jnp.exp(-jnp.sum(p * jnp.log(p)))


def mean_cosine(features: jax.Array) -> jax.Array:
    """Mean cosine similarity of two different examples: 1 if all features are parallel.

    Args:
      features: [N, D] with N >= 2, any float type.

    Returns:
      Mean over the N (N - 1) ordered pairs, float32 scalar in [-1 / (N - 1), 1].
    """
    z = _unit(features)
    n = z.shape[0]
    # |sum z|^2 sums over all ordered pairs, self-pairs included: O(N D), without an N x N matrix.
    return (jnp.sum(z.sum(axis=0) ** 2) - jnp.sum(z**2)) / (n * (n - 1))


def collapse_statistics(features: jax.Array) -> dict[str, jax.Array]:
    """The three statistics as scalars to log.

    Args:
      features: [N, D] with N >= 2, any float type.

    Returns:
      "feature_std": mean of `feature_std` times sqrt(D), which is 1 for evenly spread and 0 for
      collapsed features at any D; "effective_rank"; "mean_cosine". Float32 scalars.
    """
    return {
        "feature_std": feature_std(features).mean() * jnp.sqrt(jnp.float32(features.shape[1])),
        "effective_rank": effective_rank(features),
        "mean_cosine": mean_cosine(features),
    }


def _unit(features: jax.Array) -> jax.Array:
    chex.assert_rank(features, 2)
    x = lax.stop_gradient(features).astype(jnp.float32)
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12)
