"""Objectives on Fourier spectra."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Positive, checked


@checked
def spectrum_distance(
    prediction: jax.Array, target: jax.Array, mask: jax.Array, *, gamma: Positive = 1.0
) -> jax.Array:
    """Distance of the masked frequencies of two signals, |F(prediction) - F(target)|^gamma.

    F is the unitary Fourier transform over the axes of the mask, channel by channel.

    Args:
      prediction: [B, *S, C], any float dtype; S are one or more spatial or temporal axes.
      target: [B, *S, C].
      mask: [B, *S], bool or weights, in the layout of `jnp.fft.fftn` (the mean first); True where
        the frequency was removed and counts.
      gamma: exponent.

    Returns:
      float32 [B], the mean over masked frequencies and channels; 0 where nothing is masked.

    Raises:
      AssertionError: if the shapes do not agree.

    Source: Xie et al., "Masked Frequency Modeling for Self-Supervised Visual Pre-Training", 2023,
    eq. 6 and 7.
    """
    chex.assert_equal_shape([prediction, target])
    chex.assert_shape(mask, prediction.shape[:-1])
    axes = tuple(range(1, mask.ndim))
    difference = prediction.astype(jnp.float32) - target.astype(jnp.float32)
    # The transform is linear, so one of the difference is enough; jnp.abs of a complex number
    # neither overflows on the way nor has a NaN gradient at zero.
    size = jnp.abs(jnp.fft.fftn(difference, axes=axes, norm="ortho"))
    weight = mask.astype(jnp.float32)
    # Elsewhere the distance is replaced by 1 before the power: at 0 it has no finite gradient.
    error = jnp.where(weight[..., None] != 0, size, 1.0)
    if gamma != 1.0:
        error = jnp.where(error > 0, jnp.power(jnp.where(error > 0, error, 1.0), gamma), 0.0)
    total = jnp.sum(weight, axis=axes)
    mean = jnp.sum(jnp.mean(error, axis=-1) * weight, axis=axes)
    return mean / jnp.where(total > 0, total, 1.0)
