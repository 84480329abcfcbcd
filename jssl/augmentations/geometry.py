"""Operations that move pixels: crop, resize, flip. (Rotation, affine, perspective: warp.py.)

Each takes `with_warp=True` and then returns (image, warp). A warp is a float32 [3, 3] matrix that
takes a point (x, y, 1) of the result to the point of the input it shows, in continuous pixel
coordinates: pixel i covers [i, i + 1), so its centre lies at i + 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jssl.augmentations.image import as_float, clip01
from jssl.augmentations.resample import resample
from jssl.core.ranges import Count, Shares, Side, Spread, Unit
from jssl.errors import UserError


def geometric(operation):  # noqa: ANN001, ANN201
    """Marks an operation that accepts `with_warp=True`."""
    operation.geometric = True
    return operation


def box_warp(box: jax.Array, out: tuple[int, int]) -> jax.Array:
    """The warp of a box (top, left, height, width) resized to `out` = (height, width)."""
    top, left, height, width = (jnp.asarray(v, jnp.float32) for v in box)
    zero, one = jnp.zeros(()), jnp.ones(())
    return jnp.stack(
        [
            jnp.stack([width / out[1], zero, left]),
            jnp.stack([zero, height / out[0], top]),
            jnp.stack([zero, zero, one]),
        ]
    )


def both(size: int | Sequence[int]) -> tuple[int, int]:
    """Reads a size: n is (n, n).

    Raises:
      UserError: not one or two positive whole numbers.
    """
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    if height < 1 or width < 1:
        raise UserError(f"a size is in pixels and positive, not {size}")
    return height, width


def crop_and_resize(
    image: jax.Array,
    box: jax.Array,
    *,
    size: int | Sequence[int],
    method: str = "bilinear",
    largest: tuple[int, int] | None = None,
) -> jax.Array:
    """Cuts a box out of an image and resizes it, antialiased.

    Args:
      image: [H, W, C] uint8 or float in [0, 1].
      box: (top, left, height, width) in pixels, traced or not.
      size: output pixels, n or (height, width).
      method: "bilinear" or "bicubic".
      largest: (height, width) that no box exceeds; None is the image's.

    Returns:
      float32 [height, width, C] in [0, 1]; a bicubic overshoot is cut off.
    """
    result = resample(as_float(image), box, both(size), method, largest)
    return clip01(result) if method == "bicubic" else result


def sample_box(
    key: jax.Array,
    height: Count,
    width: Count,
    *,
    scale: Shares = (0.08, 1.0),
    ratio: Spread = (3 / 4, 4 / 3),
    attempts: Count = 10,
) -> jax.Array:
    """Draws the box of a random resized crop (Szegedy et al., 2015, section 6; torchvision's rule).

    The area is uniform in `scale` times the image's, the log of width / height uniform in the log
    of `ratio`; the first of `attempts` draws whose rounded box fits is placed uniformly. If none
    fits, the largest centred box whose ratio lies within `ratio` is taken.

    Args:
      key: PRNG key.
      height: of the image, pixels.
      width: of the image, pixels.
      scale: range of the box's share of the area.
      ratio: range of width / height.
      attempts: draws before the fallback.

    Returns:
      float32 [4]: (top, left, height, width), whole numbers.

    Raises:
      UserError: a range that is empty or not positive.
    """
    if not (0 < scale[0] <= scale[1] and 0 < ratio[0] <= ratio[1]):
        raise UserError(f"scale {scale} and ratio {ratio} are ranges (low, high) above zero")
    # One draw for everything: the generator's fixed cost is what small images feel.
    draws = jax.random.uniform(key, (2 * attempts + 2,))
    area = height * width * (scale[0] + (scale[1] - scale[0]) * draws[:attempts])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = jnp.exp(low + (high - low) * draws[attempts:-2])
    widths, heights = jnp.round(jnp.sqrt(area * aspect)), jnp.round(jnp.sqrt(area / aspect))
    fits = (widths >= 1) & (widths <= width) & (heights >= 1) & (heights <= height)
    first = jnp.argmax(fits)
    whole = width / height
    fallback_w = width if whole <= ratio[1] else round(height * ratio[1])
    fallback_h = height if whole >= ratio[0] else round(width / ratio[0])
    found = jnp.any(fits)
    w = jnp.where(found, widths[first], fallback_w)
    h = jnp.where(found, heights[first], fallback_h)
    top = jnp.where(found, jnp.floor(draws[-2] * (height - h + 1)), (height - h) // 2)
    left = jnp.where(found, jnp.floor(draws[-1] * (width - w + 1)), (width - w) // 2)
    # A product rounded up to its bound would put the box one pixel outside.
    return jnp.stack([jnp.minimum(top, height - h), jnp.minimum(left, width - w), h, w])


def largest_box(
    height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[int, int]:
    """The (height, width) that no box of `sample_box` exceeds; the image's if the rule may fail."""
    area = height * width * scale[1]
    h, w = math.ceil(math.sqrt(area / ratio[0])), math.ceil(math.sqrt(area * ratio[1]))
    return (h, w) if h <= height and w <= width else (height, width)


@geometric
def random_resized_crop(
    key: jax.Array,
    image: jax.Array,
    *,
    size: Side,
    scale: Shares = (0.08, 1.0),
    ratio: Spread = (3 / 4, 4 / 3),
    method: str = "bilinear",
    with_warp: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Cuts a random box and resizes it (Szegedy et al., 2015; SimCLR's appendix A).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1], any number of channels.
      size: output pixels, n or (height, width).
      scale: range of the box's share of the area.
      ratio: range of width / height.
      method: "bilinear" or "bicubic", both antialiased.
      with_warp: also return the warp.

    Returns:
      float32 [height, width, C] in [0, 1], and the warp if asked for.
    """
    box = sample_box(key, *image.shape[:2], scale=scale, ratio=ratio)
    largest = largest_box(*image.shape[:2], scale, ratio)
    result = crop_and_resize(image, box, size=size, method=method, largest=largest)
    return (result, box_warp(box, both(size))) if with_warp else result


@geometric
def centre_crop(
    key: jax.Array | None,
    image: jax.Array,
    *,
    size: Side,
    with_warp: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Cuts the centre, without resizing.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].
      size: output pixels, n or (height, width), at most the image's.
      with_warp: also return the warp.

    Returns:
      float32 [height, width, C], and the warp if asked for.

    Raises:
      UserError: the crop is larger than the image.
    """
    image, (height, width) = as_float(image), both(size)
    if height > image.shape[0] or width > image.shape[1]:
        raise UserError(
            f"a centre crop of {height}x{width} does not fit an image of "
            f"{image.shape[0]}x{image.shape[1]}; resize first"
        )
    top = round((image.shape[0] - height) / 2)
    left = round((image.shape[1] - width) / 2)
    result = image[top : top + height, left : left + width]
    warp = box_warp(jnp.asarray([top, left, height, width]), (height, width))
    return (result, warp) if with_warp else result


@geometric
def resize(
    key: jax.Array | None,
    image: jax.Array,
    *,
    size: Side,
    method: str = "bilinear",
    keep_aspect: bool = False,
    with_warp: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Resizes the whole image, antialiased.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].
      size: output pixels, n or (height, width).
      method: "bilinear" or "bicubic".
      keep_aspect: `size` (one number) is the shorter side, and the ratio of the sides is kept.
      with_warp: also return the warp.

    Returns:
      float32 [height, width, C] in [0, 1], and the warp if asked for.
    """
    h, w = image.shape[:2]
    height, width = both(size)
    if keep_aspect:
        # Whole-number division as torchvision's Resize does it.
        height, width = (height, int(height * w / h)) if h <= w else (int(width * h / w), width)
    box = jnp.asarray([0, 0, h, w], jnp.float32)
    result = crop_and_resize(image, box, size=(height, width), method=method)
    return (result, box_warp(box, (height, width))) if with_warp else result


@geometric
def flip(
    key: jax.Array,
    image: jax.Array,
    *,
    p: Unit = 0.5,
    axis: str = "horizontal",
    with_warp: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Mirrors an image with probability `p`.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1].
      p: probability.
      axis: "horizontal" swaps left and right, "vertical" top and bottom.
      with_warp: also return the warp.

    Returns:
      float32 [H, W, C], and the warp if asked for.

    Raises:
      UserError: an unknown axis.
    """
    if axis not in ("horizontal", "vertical"):
        raise UserError(f"an image is flipped 'horizontal' or 'vertical', not {axis!r}")
    image = as_float(image)
    which = 1 if axis == "horizontal" else 0
    mirrored = jax.random.uniform(key) < p
    result = jnp.where(mirrored, jnp.flip(image, which), image)
    if not with_warp:
        return result
    row = 0 if axis == "horizontal" else 1
    warp = jnp.eye(3).at[row, row].set(-1.0).at[row, 2].set(image.shape[which])
    return result, jnp.where(mirrored, warp, jnp.eye(3))
