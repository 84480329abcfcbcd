"""Noise and blur corruptions (see the package)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.image import as_float, clip01
from jssl.augmentations.warp import pixel_centres
from jssl.evaluation.corruptions.parts import SMALL, at, clamped, filtered, motion


def gaussian_noise(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Additive Gaussian noise."""
    x = as_float(image)
    spread = at(severity, x, (0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38))
    return clip01(x + spread * jax.random.normal(key, x.shape))


def shot_noise(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Poisson (shot) noise."""
    x = as_float(image)
    photons = at(severity, x, (500, 250, 100, 75, 50), (60, 25, 12, 5, 3))
    return clip01(jax.random.poisson(key, x * photons).astype(jnp.float32) / photons)


def impulse_noise(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Salt-and-pepper noise: values set to 0 or 1 with equal probability."""
    x = as_float(image)
    share = at(severity, x, (0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27))
    draw = jax.random.uniform(key, x.shape)
    return jnp.where(draw < share / 2, 0.0, jnp.where(draw < share, 1.0, x))


def defocus_blur(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Blur with a smoothed disk kernel."""
    x = as_float(image)
    small = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
    large = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
    settings, reach, soft = (small, 3, 1) if min(x.shape[:2]) <= SMALL else (large, 12, 2)
    grid = np.arange(-reach, reach + 1)
    kernels = []
    for radius, sigma in settings:
        disk = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(np.float64)
        taps = np.exp(-(np.arange(-soft, soft + 1) ** 2) / (2 * sigma**2))
        taps /= taps.sum()
        for axis in (0, 1):
            disk = np.apply_along_axis(np.convolve, axis, disk, taps, mode="same")
        kernels.append(disk / disk.sum())
    return clip01(filtered(x, at(severity, x, kernels, kernels)))


def glass_blur(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Gaussian blur, random local displacement of pixels, Gaussian blur."""
    x = as_float(image)
    small = (0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)
    large = (0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)
    sigma, delta, rounds = at(severity, x, small, large)
    grid = jnp.arange(-6, 7)
    taps = jnp.exp(-0.5 * jnp.square(grid / sigma))
    kernel = taps[:, None] * taps
    x = filtered(x, kernel / kernel.sum())
    centres = pixel_centres(*x.shape[:2])
    for number in range(3):
        shift = jax.random.uniform(
            jax.random.fold_in(key, number), centres.shape, minval=-1.0, maxval=1.0
        )
        moved = clamped(x, centres + jnp.round(shift * delta), method="nearest")
        x = jnp.where(number < rounds, moved, x)
    return clip01(filtered(x, kernel / kernel.sum()))


def motion_blur(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Motion blur in a random direction, at most 45 degrees from the horizontal."""
    x = as_float(image)
    small = (6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)
    large = (10, 3), (15, 5), (15, 8), (15, 12), (20, 15)
    radius, sigma = at(severity, x, small, large)
    angle = jax.random.uniform(key, (), minval=-jnp.pi / 4, maxval=jnp.pi / 4)
    reach = 9 if min(x.shape[:2]) <= SMALL else 20
    return clip01(motion(x, angle, radius, sigma, reach))


def zoom_blur(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """The mean of the image and of progressively zoomed copies."""
    x = as_float(image)
    large = (1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.33, 0.03)
    small = (1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)
    end, step = at(severity, x, small, large)
    centres = pixel_centres(*x.shape[:2])
    middle = jnp.array([x.shape[1], x.shape[0]]) / 2

    def add(carry: tuple[jax.Array, jax.Array], number: jax.Array) -> tuple[tuple, None]:
        total, count = carry
        factor = 1 + number * step
        used = (factor < end - 1e-6).astype(jnp.float32)
        copy = clamped(x, middle + (centres - middle) / factor)
        return (total + used * copy, count + used), None

    (total, count), _ = jax.lax.scan(add, (x, jnp.float32(1)), jnp.arange(26.0))
    return clip01(total / count)
