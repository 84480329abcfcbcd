"""Weather corruptions: snow, frost and fog (see the package)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.augmentations.image import as_float, clip01
from jssl.augmentations.warp import pixel_centres
from jssl.evaluation.corruptions.parts import at, clamped, motion, octaves


def snow(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Motion-blurred snowflakes over a whitened image."""
    x = as_float(image)
    small = (
        *((0.1, 0.2, 1, 0.6, 8, 3, 0.95), (0.1, 0.2, 1, 0.5, 10, 4, 0.9)),
        *((0.15, 0.3, 1.75, 0.55, 10, 4, 0.9), (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85)),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )
    large = (
        *((0.1, 0.3, 3, 0.5, 10, 4, 0.8), (0.2, 0.3, 2, 0.5, 12, 4, 0.7)),
        *((0.55, 0.3, 4, 0.9, 12, 8, 0.7), (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65)),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )
    mean, spread, zoom, threshold, radius, sigma, keep = at(severity, x, small, large)
    flakes_key, angle_key = jax.random.split(key)
    noise = mean + spread * jax.random.normal(flakes_key, (*x.shape[:2], 1))
    centres = pixel_centres(*x.shape[:2])
    middle = jnp.array([x.shape[1], x.shape[0]]) / 2
    flakes = clamped(noise, middle + (centres - middle) / zoom)
    flakes = jnp.where(flakes < threshold, 0.0, clip01(flakes))
    angle = jax.random.uniform(angle_key, (), minval=jnp.pi / 4, maxval=3 * jnp.pi / 4)
    flakes = motion(flakes, angle, radius, sigma, 14)
    pale = jnp.maximum(x, x.mean(axis=-1, keepdims=True) * 1.5 + 0.5)
    return clip01(keep * x + (1 - keep) * pale + flakes + jnp.rot90(flakes, 2))


def frost(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """An overlay of ice crystals, synthesised from ridged noise."""
    x = as_float(image)
    small = (1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)
    large = (1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)
    keep, ice = at(severity, x, small, large)
    noise = octaves(key, *x.shape[:2], decay=1.6)
    crystals = jnp.square(1.0 - jnp.abs(2.0 * noise - 1.0))[..., None]
    return clip01(keep * x + ice * crystals)


def fog(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """A bright noise cloud over the image; the maximum of the image is preserved."""
    x = as_float(image)
    small = (0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)
    large = (1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)
    density, decay = at(severity, x, small, large)
    cloud = octaves(key, *x.shape[:2], decay=decay)[..., None]
    largest = x.max()
    return clip01((x + density * cloud) * largest / (largest + density))
