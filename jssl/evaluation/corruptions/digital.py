"""Digital corruptions: brightness, contrast, elastic, pixelate, JPEG (see the package)."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.image import as_float, clip01
from jssl.augmentations.warp import pixel_centres
from jssl.evaluation.corruptions.parts import at, clamped, filtered

# Annex K of the JPEG standard (ITU-T T.81), tables K.1 and K.2.
_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


def brightness(key: jax.Array | None, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Increases the HSV value (the largest channel); hue and saturation are unchanged."""
    x = as_float(image)
    shift = at(severity, x, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5))
    value = x.max(axis=-1, keepdims=True)
    raised = clip01(value + shift)
    return jnp.where(value > 0, x * raised / jnp.maximum(value, 1e-6), raised)


def contrast(key: jax.Array | None, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Scales each channel towards its mean over the image."""
    x = as_float(image)
    factor = at(severity, x, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05))
    mean = x.mean(axis=(0, 1))
    return clip01((x - mean) * factor + mean)


def elastic(key: jax.Array, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Applies a random affine map and a smooth random displacement field."""
    x = as_float(image)
    side = min(x.shape[:2])
    small = (
        (0, 1, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    )
    large = (
        (2, 0.7, 0.1),
        (2, 0.08, 0.2),
        (0.05, 0.01, 0.02),
        (0.07, 0.01, 0.02),
        (0.12, 0.01, 0.02),
    )
    strength, sigma, affine = side * at(severity, x, small, large)
    corners_key, field_key = jax.random.split(key)
    # Three corners of a central square move, each coordinate by at most `affine` pixels.
    middle = jnp.array([x.shape[1], x.shape[0]]) / 2
    reach = side // 3
    corners = middle + reach * jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    moved = corners + jax.random.uniform(corners_key, (3, 2), minval=-affine, maxval=affine)
    homogeneous = jnp.concatenate([corners, jnp.ones((3, 1))], axis=1)
    inverse = jnp.concatenate([moved, jnp.ones((3, 1))], axis=1)
    matrix = jnp.linalg.solve(inverse, homogeneous)
    noise = jax.random.uniform(field_key, (*x.shape[:2], 2), minval=-1.0, maxval=1.0)
    grid = jnp.arange(-side // 2 + 1, side // 2)
    taps = jnp.exp(-0.5 * jnp.square(grid / jnp.maximum(sigma, 1e-3)))
    taps = taps / taps.sum()
    shift = strength * filtered(noise, taps[:, None] * taps)
    points = pixel_centres(*x.shape[:2])
    ones = jnp.ones((*points.shape[:2], 1))
    points = jnp.concatenate([points, ones], axis=-1) @ matrix
    return clip01(clamped(x, points[..., :2] + shift))


def pixelate(key: jax.Array | None, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """Downsamples the image with a box filter and upsamples it with nearest neighbours."""
    x = as_float(image)
    shares = (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)
    rows, columns = (
        at(severity, x, *([_blocks(side, share) for share in part] for part in shares))
        for side in x.shape[:2]
    )
    return clip01(jnp.einsum("ih,hwc,jw->ijc", rows, x, columns, precision="highest"))


@functools.cache
def _blocks(side: int, share: float) -> np.ndarray:
    """Box-filter weights [side, side] of down- and upsampling with scale `share`."""
    count = max(1, int(side * share))
    pixels = np.arange(side)
    # Pillow's box filter: a pixel counts if its centre lies in the box.
    offset = (pixels + 0.5) * count / side - (np.arange(count)[:, None] + 0.5)
    weights = ((offset > -0.5) & (offset <= 0.5)).astype(np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    nearest = ((pixels + 0.5) * count / side).astype(int)
    return weights[nearest].astype(np.float32)


def jpeg(key: jax.Array | None, image: jax.Array, severity: jax.Array | int) -> jax.Array:
    """JPEG's lossy steps: chroma subsampling, 8 x 8 DCT, quantisation by the quality's tables."""
    x = as_float(image)
    quality = at(severity, x, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7))
    scale = jnp.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    height, width, channels = x.shape
    wide = jnp.pad(x, ((0, -height % 16), (0, -width % 16), (0, 0)), mode="edge")
    levels = jnp.round(255 * wide)
    colour = channels == 3
    middle = jnp.array([128.0, 0.0, 0.0]) if colour else 128.0
    levels = (levels @ _TO_YCC.T if colour else levels) - middle
    planes = []
    for c in range(channels):
        halve = colour and c > 0
        plane, table = levels[..., c], _CHROMA if halve else _LUMA
        if halve:
            rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
            plane = plane.reshape(rows, 2, columns, 2).mean(axis=(1, 3))
        steps = jnp.clip(jnp.floor((jnp.asarray(table) * scale + 50) / 100), 1, 255)
        plane = _rounded(plane, steps.reshape(8, 8))
        if halve:
            plane = jax.image.resize(plane, levels.shape[:2], "linear")
        planes.append(plane)
    decoded = jnp.stack(planes, axis=-1) + middle
    if colour:
        decoded = decoded @ np.linalg.inv(_TO_YCC).T
    return clip01(jnp.round(decoded) / 255.0)[:height, :width]


def _rounded(plane: jax.Array, steps: jax.Array) -> jax.Array:
    """Quantises the DCT of 8 x 8 blocks to multiples of `steps` and inverts it."""
    k, n = np.mgrid[:8, :8]
    basis = np.cos((2 * n + 1) * k * np.pi / 16) * np.where(k == 0, np.sqrt(1 / 8), 0.5)
    basis = jnp.asarray(basis, jnp.float32)
    blocks = plane.reshape(plane.shape[0] // 8, 8, -1, 8)
    spectrum = jnp.einsum("ka,xayb,lb->xykl", basis, blocks, basis, precision="highest")
    spectrum = jnp.round(spectrum / steps) * steps
    back = jnp.einsum("ka,xykl,lb->xayb", basis, spectrum, basis, precision="highest")
    return back.reshape(plane.shape)
