"""Objectives of masked prediction."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import AtLeastOne, NonNegative, checked
from jssl.objectives.common import l2_normalize, standardize


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean over the masked positions of each example.

    Args:
      values: [B, N], any float dtype.
      mask: [B, N], bool or weights; True where the position counts.

    Returns:
      float32 [B]; 0 for an example without a masked position.
    """
    chex.assert_rank([values, mask], 2)
    chex.assert_equal_shape([values, mask])
    mask = mask.astype(jnp.float32)
    # A product alone would let what overflowed at a position that does not count through, as NaN.
    counted = jnp.where(mask != 0, values.astype(jnp.float32), 0.0)
    weight = jnp.sum(mask, axis=1)
    return jnp.sum(counted * mask, axis=1) / jnp.where(weight > 0, weight, 1.0)


def masked_mse(prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean squared error over the masked patches of each example.

    Args:
      prediction: [B, N, P] predicted patches, any float dtype.
      target: [B, N, P] true patches.
      mask: bool [B, N], True where the patch was hidden from the encoder.

    Returns:
      float32 [B].

    Raises:
      AssertionError: if the shapes do not agree.

    Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022, section 3.
    """
    _check(prediction, target, mask)
    error = jnp.square(prediction.astype(jnp.float32) - target.astype(jnp.float32))
    return masked_mean(jnp.mean(error, axis=-1), mask)


def masked_l1(prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean absolute error over the masked patches of each example.

    Arguments, result and errors as in `masked_mse`.

    Source: Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", 2022, section 3.4.
    """
    _check(prediction, target, mask)
    error = jnp.abs(prediction.astype(jnp.float32) - target.astype(jnp.float32))
    return masked_mean(jnp.mean(error, axis=-1), mask)


def _check(prediction: jax.Array, target: jax.Array, mask: jax.Array) -> None:
    chex.assert_rank([prediction, target, mask], [3, 3, 2])
    chex.assert_equal_shape([prediction, target])
    chex.assert_equal_shape_prefix([prediction, mask], 2)


@checked
def normalize_patches(patches: jax.Array, *, epsilon: NonNegative = 1e-6) -> jax.Array:
    """Each patch to mean 0 and (unbiased) variance 1, as MAE's `norm_pix_loss` does.

    Args:
      patches: [..., P], any float dtype.
      epsilon: added to the variance.

    Returns:
      float32 [..., P].
    """
    ddof = min(1, patches.shape[-1] - 1)  # a patch of one value has no spread
    return standardize(patches, epsilon=epsilon, ddof=ddof)


@checked
def masked_scaled_cosine(
    prediction: jax.Array, target: jax.Array, mask: jax.Array, *, gamma: AtLeastOne = 3.0
) -> jax.Array:
    """(1 - cosine) ** gamma of each masked token, averaged over those of each example.

    Args:
      prediction: [B, N, P], any float dtype.
      target: [B, N, P].
      mask: bool [B, N], True where a token is hidden.
      gamma: power, at least 1.

    Returns:
      float32 [B]; 0 for an example without a masked token.

    Raises:
      AssertionError: if the shapes do not agree.

    Source: Hou et al., "GraphMAE: Self-Supervised Masked Graph Autoencoders", 2022, eq. 2.
    """
    _check(prediction, target, mask)
    cosine = jnp.sum(l2_normalize(prediction) * l2_normalize(target), axis=-1)
    # Rounding may take a cosine over 1, where a power of a negative number is not real.
    return masked_mean(jnp.maximum(1.0 - cosine, 0.0) ** gamma, mask)


def masked_matching(scores: jax.Array, mask: jax.Array) -> jax.Array:
    """Cross-entropy of finding each masked token among the masked tokens of its own example.

    Args:
      scores: [B, N, N], how well the answer for token i fits the true token j; any float dtype.
      mask: bool [B, N], True where a token is hidden: only these answer, and are to choose from.

    Returns:
      float32 [B], averaged over the masked tokens; 0 for an example without one.

    Raises:
      AssertionError: if the shapes do not agree.

    Source: Gong et al., "SSAST: Self-Supervised Audio Spectrogram Transformer", 2022, eq. 1.
    """
    chex.assert_rank(mask, 2)
    chex.assert_shape(scores, (*mask.shape, mask.shape[1]))
    scores = scores.astype(jnp.float32)
    shown = jnp.where(mask[:, None, :], scores, -jnp.inf)
    largest = jax.lax.stop_gradient(jnp.max(shown, axis=-1, keepdims=True))
    largest = jnp.where(jnp.isfinite(largest), largest, 0.0)
    total = jnp.sum(jnp.exp(shown - largest), axis=-1)
    right = jnp.diagonal(scores, axis1=1, axis2=2) - largest[..., 0]
    return masked_mean(jnp.log(jnp.maximum(total, 1e-38)) - right, mask)
