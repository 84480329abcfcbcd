"""Objectives on sets of points."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.nn.points import squared_distances
from jssl.objectives.common import l2_normalize
from jssl.objectives.masked import masked_mean


def chamfer(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Chamfer distance: mean squared distance to the nearest point of the other set, both ways.

    Args:
      prediction: [..., N, 3], any float dtype.
      target: [..., M, 3].

    Returns:
      float32 [...], in squared units of length.

    Source: Fan et al., "A Point Set Generation Network for 3D Object Reconstruction from a Single
    Image", 2017, section 3.2, with means for sums.
    """
    chex.assert_axis_dimension(prediction, -1, 3)
    chex.assert_axis_dimension(target, -1, 3)
    chex.assert_equal_rank([prediction, target])
    chex.assert_equal_shape_prefix([prediction, target], prediction.ndim - 2)
    squares = squared_distances(prediction.astype(jnp.float32), target.astype(jnp.float32))
    return jnp.mean(jnp.min(squares, axis=-1), axis=-1) + jnp.mean(jnp.min(squares, -2), axis=-1)


def masked_chamfer(prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Chamfer distance of masked patches of points, averaged over those of each example.

    Args:
      prediction: [B, N, K * 3] points of each patch, any float dtype.
      target: [B, N, M * 3].
      mask: bool [B, N], True where a patch is hidden.

    Returns:
      float32 [B]; 0 for an example without a masked patch.

    Source: Pang et al., "Masked Autoencoders for Point Cloud Self-supervised Learning", 2022,
    equation 4.
    """
    chex.assert_rank([prediction, target, mask], [3, 3, 2])
    chex.assert_equal_shape_prefix([prediction, target, mask], 2)
    sets = (x.reshape(*x.shape[:2], -1, 3) for x in (prediction, target))
    return masked_mean(chamfer(*sets), mask)


def masked_agreement(a: jax.Array, b: jax.Array, mask: jax.Array) -> jax.Array:
    """1 - cosine of two features of the same token, averaged over the tokens that count.

    Args:
      a: [B, N, D], any float dtype.
      b: [B, N, D].
      mask: bool [B, N], True where a token counts.

    Returns:
      float32 [B]; 0 for an example without such a token.

    Source: Ren et al., "Bringing Masked Autoencoders Explicit Contrastive Properties for Point
    Cloud Self-Supervised Learning", 2024, section 3.
    """
    chex.assert_rank([a, b, mask], [3, 3, 2])
    chex.assert_equal_shape([a, b])
    chex.assert_equal_shape_prefix([a, mask], 2)
    return masked_mean(1.0 - jnp.sum(l2_normalize(a) * l2_normalize(b), axis=-1), mask)
