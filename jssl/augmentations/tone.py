"""Operations on an image's levels: posterize, equalize, autocontrast, sharpness, invert.

Operations on levels use the 256 levels of an 8-bit image, to which a float image is rounded, as in
Pillow's ImageOps. Any number of channels, each processed separately.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jssl.augmentations.image import as_float, clip01, pair, planar, stage, unplanar
from jssl.core.ranges import Bits, NonNegative, Strengths
from jssl.errors import UserError


def to_levels(image: jax.Array) -> jax.Array:
    """float [0, 1] -> int32 0 to 255, rounded to the nearest."""
    return jnp.floor(jnp.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(jnp.int32)


def invert(key: jax.Array | None, image: jax.Array) -> jax.Array:
    """One minus the image. `key` is not used. float32 [H, W, C]."""
    return 1.0 - as_float(image)


def posterize(key: jax.Array | None, image: jax.Array, *, bits: Bits | jax.Array = 4) -> jax.Array:
    """Keeps the highest bits of each level.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].
      bits: how many of 8 stay, 0 to 8; may be traced.

    Returns:
      float32 [H, W, C].

    Raises:
      UserError: bits outside 0 to 8.
    """
    if isinstance(bits, int) and not 0 <= bits <= 8:
        raise UserError(f"posterize keeps 0 to 8 bits, not {bits}")
    lost = jnp.left_shift(1, 8 - jnp.asarray(bits, jnp.int32))
    levels = to_levels(as_float(image))
    return (levels // lost * lost).astype(jnp.float32) / 255.0


def autocontrast(key: jax.Array | None, image: jax.Array) -> jax.Array:
    """Stretches each channel to [0, 1]; a constant channel stays.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].

    Returns:
      float32 [H, W, C]. Pillow truncates to whole levels, this does not.
    """
    channels = planar(as_float(image))
    low = jnp.min(channels, axis=(1, 2), keepdims=True)
    high = jnp.max(channels, axis=(1, 2), keepdims=True)
    flat = high <= low
    stretched = (channels - low) / jnp.where(flat, 1.0, high - low)
    return unplanar(jnp.where(flat, channels, stretched))


def equalize(key: jax.Array | None, image: jax.Array) -> jax.Array:
    """Flattens the histogram of each channel, by Pillow's whole-number rule.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].

    Returns:
      float32 [H, W, C], on the 256 levels; a channel of one level stays.
    """
    levels = to_levels(planar(as_float(image)))

    def one(plane: jax.Array) -> jax.Array:
        histogram = jnp.zeros((256,), jnp.int32).at[plane.reshape(-1)].add(1)
        top = histogram[jnp.max(plane)]
        step = (plane.size - top) // 255
        below = jnp.cumsum(histogram) - histogram
        table = jnp.minimum((step // 2 + below) // jnp.maximum(step, 1), 255)
        table = jnp.where(step == 0, jnp.arange(256), table)
        return jnp.take(table, plane).astype(jnp.float32) / 255.0

    return unplanar(jnp.stack([one(levels[c]) for c in range(levels.shape[0])]))


def sharpen(image: jax.Array, factor: jax.Array | float) -> jax.Array:
    """Blends an image with a smoothed one: 0 is smooth, 1 the image, above 1 sharper.

    The smoothing is Pillow's SMOOTH, (1 1 1, 1 5 1, 1 1 1) / 13; the outermost pixels stay.
    float32 [H, W, C] in and out.
    """
    channels = planar(image)
    _, height, width = channels.shape
    if min(height, width) < 3:
        return image

    @stage
    def blend(channels: jax.Array, factor: jax.Array) -> jax.Array:
        def part(top: int, left: int) -> jax.Array:
            rows = lax.slice_in_dim(channels, top, height - 2 + top, axis=1)
            return lax.slice_in_dim(rows, left, width - 2 + left, axis=2)

        total = part(1, 1) * 4.0
        for top in range(3):
            for left in range(3):
                total = total + part(top, left)
        smooth = total * (1.0 / 13.0)
        return clip01(smooth + (part(1, 1) - smooth) * factor)

    inner = blend(channels, jnp.asarray(factor, jnp.float32))
    return unplanar(lax.dynamic_update_slice(channels, inner, (0, 1, 1)))


def sharpness(
    key: jax.Array, image: jax.Array, *, factor: NonNegative | Strengths = (0.0, 2.0)
) -> jax.Array:
    """Changes sharpness by a factor (Pillow's ImageEnhance.Sharpness).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1].
      factor: 0 smooths, 1 is neutral, 2 sharpens; (low, high) is drawn uniformly.

    Returns:
      float32 [H, W, C] in [0, 1].
    """
    low, high = pair(factor, "factor")
    amount = jax.random.uniform(key, (), minval=low, maxval=high) if high > low else low
    return sharpen(as_float(image), amount)
