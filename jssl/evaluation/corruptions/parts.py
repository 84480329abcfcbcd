"""Shared parts of the corruptions: strengths by severity, filters, motion blur, octave noise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jssl.augmentations.warp import pixel_centres, sample

SMALL = 64  # up to this side length, the strengths are those of CIFAR-10-C


def at(severity: jax.Array | int, image: jax.Array, small: Any, large: Any) -> jax.Array:
    """The strength of a severity (1 to 5) for the image's size.

    Args:
      severity: scalar, may be traced.
      image: [H, W, C].
      small: five numbers, tuples or arrays, for sides up to `SMALL`.
      large: the same for larger images.

    Returns:
      float32 [...], the entry for the severity.
    """
    table = jnp.asarray(small if min(image.shape[:2]) <= SMALL else large, jnp.float32)
    return table[jnp.asarray(severity) - 1]


def clamped(image: jax.Array, points: jax.Array, *, method: str = "bilinear") -> jax.Array:
    """Samples [H, W, C] at points [h, w, 2] (x, y); the border is extended by its nearest pixel."""
    limit = jnp.array([image.shape[1], image.shape[0]]) - 0.5
    return sample(image, jnp.clip(points, 0.5, limit), method=method)


def filtered(image: jax.Array, kernel: jax.Array) -> jax.Array:
    """Correlates every channel of [H, W, C] with a kernel [K, K], with reflected borders.

    Uses Fourier transforms, whose cost does not depend on the size of the (large) kernel.
    """
    reach = kernel.shape[0] // 2
    mode = "reflect" if reach < min(image.shape[:2]) else "symmetric"
    wide = jnp.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode=mode)
    shape = tuple(a + b - 1 for a, b in zip(wide.shape[:2], kernel.shape, strict=True))
    spectrum = jnp.fft.rfft2(kernel[::-1, ::-1], shape)
    planes = jnp.fft.rfft2(jnp.moveaxis(wide, -1, 0), shape) * spectrum
    full = jnp.moveaxis(jnp.fft.irfft2(planes, shape), 0, -1)
    return full[2 * reach : 2 * reach + image.shape[0], 2 * reach : 2 * reach + image.shape[1]]


def motion(
    image: jax.Array, angle: jax.Array, radius: jax.Array, sigma: jax.Array, reach: int
) -> jax.Array:
    """Motion blur: the mean of copies shifted in one direction, with half-Gaussian weights.

    Args:
      image: [H, W, C].
      angle: direction in radians, from the horizontal.
      radius: largest shift in pixels.
      sigma: standard deviation of the weights, in pixels.
      reach: integer upper bound of the radius.

    Returns:
      float32 [H, W, C].
    """
    centres = pixel_centres(*image.shape[:2])
    direction = jnp.stack([jnp.cos(angle), jnp.sin(angle)])

    def add(carry: tuple[jax.Array, jax.Array], step: jax.Array) -> tuple[tuple, None]:
        total, weights = carry
        weight = jnp.where(step <= radius, jnp.exp(-0.5 * jnp.square(step / sigma)), 0.0)
        copy = clamped(image, centres + step * direction)
        return (total + weight * copy, weights + weight), None

    start = jnp.zeros_like(image), jnp.float32(0)
    (total, weights), _ = jax.lax.scan(add, start, jnp.arange(reach + 1.0))
    return total / weights


def octaves(key: jax.Array, height: int, width: int, *, decay: jax.Array | float) -> jax.Array:
    """Multi-scale noise; each finer octave is weaker by `decay`: float32 [H, W] in [0, 1]."""
    total, side, weight, number = jnp.zeros((height, width)), 2, jnp.float32(1), 0
    while side < 2 * max(height, width):
        noise = jax.random.uniform(jax.random.fold_in(key, number), (side, side, 1))
        scale = jnp.array([side / width, side / height])
        total = total + weight * clamped(noise, pixel_centres(height, width) * scale)[..., 0]
        side, weight, number = 2 * side, weight / decay, number + 1
    low, high = total.min(), total.max()
    return (total - low) / jnp.maximum(high - low, 1e-6)
