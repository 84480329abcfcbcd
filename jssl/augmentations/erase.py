"""Operations that remove pixels: random erasing, cutout."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jssl.augmentations.image import as_float
from jssl.core.ranges import Count, Real, Shares, Spread
from jssl.errors import UserError


def _rectangle(
    height: int, width: int, top: jax.Array, left: jax.Array, h: jax.Array, w: jax.Array
) -> jax.Array:
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
    return (rows >= top) & (rows < top + h) & (columns >= left) & (columns < left + w)


def erase_box(
    key: jax.Array,
    height: Count,
    width: Count,
    *,
    scale: Shares = (0.02, 0.33),
    ratio: Spread = (0.3, 3.3),
    attempts: Count = 10,
) -> jax.Array:
    """Draws the rectangle of random erasing (Zhong et al., 2017, algorithm 1; torchvision's rule).

    Returns:
      float32 [4]: (top, left, height, width); all zero if no attempt fits.
    """
    draws = jax.random.uniform(key, (2 * attempts + 2,))
    area = height * width * (scale[0] + (scale[1] - scale[0]) * draws[:attempts])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = jnp.exp(low + (high - low) * draws[attempts:-2])
    heights, widths = jnp.round(jnp.sqrt(area * aspect)), jnp.round(jnp.sqrt(area / aspect))
    fits = (heights < height) & (widths < width)
    first, found = jnp.argmax(fits), jnp.any(fits)
    h, w = jnp.where(found, heights[first], 0), jnp.where(found, widths[first], 0)
    top = jnp.minimum(jnp.floor(draws[-2] * (height - h + 1)), height - h)
    left = jnp.minimum(jnp.floor(draws[-1] * (width - w + 1)), width - w)
    return jnp.where(found, jnp.stack([top, left, h, w]), 0.0)


def random_erasing(
    key: jax.Array,
    image: jax.Array,
    *,
    scale: Shares = (0.02, 0.33),
    ratio: Spread = (0.3, 3.3),
    value: Real | str = 0.0,
) -> jax.Array:
    """Overwrites a random rectangle (Zhong et al., 2017).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float.
      scale: range of the rectangle's share of the area.
      ratio: range of height / width.
      value: the fill value, or "noise" for a standard normal value at each pixel.

    Returns:
      float32 [H, W, C].

    Raises:
      UserError: a value that is neither a number nor "noise".
    """
    if isinstance(value, str) and value != "noise":
        raise UserError(f"erased pixels get a number or 'noise', not {value!r}")
    image = as_float(image)
    where, what = jax.random.split(key)
    box = erase_box(where, image.shape[0], image.shape[1], scale=scale, ratio=ratio)
    hole = _rectangle(image.shape[0], image.shape[1], *box)[..., None]
    new = jax.random.normal(what, image.shape) if value == "noise" else value
    return jnp.where(hole, new, image)


def cutout(key: jax.Array, image: jax.Array, *, size: Count, value: Real = 0.0) -> jax.Array:
    """Overwrites a square whose centre is any pixel (DeVries & Taylor, 2017); it may be cut off.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float.
      size: side of the square, pixels.
      value: what is written.

    Returns:
      float32 [H, W, C].

    Raises:
      UserError: a size below one.
    """
    if size < 1:
        raise UserError(f"a cutout is at least one pixel wide, not {size}")
    image = as_float(image)
    height, width = image.shape[:2]
    limits = jnp.asarray([height, width])
    row, column = jax.random.randint(key, (2,), 0, limits)
    hole = _rectangle(height, width, row - size // 2, column - size // 2, size, size)
    return jnp.where(hole[..., None], value, image)
