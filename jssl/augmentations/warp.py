"""Operations that move pixels along straight lines: rotation, affine, perspective.

A warp is the matrix of geometry.py: it takes a point of the result to the point of the input it
shows. Points outside the image have the value `fill`, and a pixel across the border blends with it
(scipy's "grid-constant", torchvision's zero padding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jssl.augmentations.geometry import both, geometric
from jssl.augmentations.image import as_float, pair, planar, unplanar
from jssl.augmentations.projective import affine_warp, invert, quadrilateral_warp, transform
from jssl.core.ranges import Fractions, Interval, Real, Spread, Unit
from jssl.errors import UserError

Result = jax.Array | tuple[jax.Array, jax.Array]


def sample(
    image: jax.Array, points: jax.Array, *, method: str = "bilinear", fill: float = 0.0
) -> jax.Array:
    """Reads an image at points.

    Args:
      image: float32 [H, W, C].
      points: float32 [h, w, 2], (x, y) in continuous pixel coordinates.
      method: "bilinear" or "nearest".
      fill: value outside.

    Returns:
      float32 [h, w, C].

    Raises:
      UserError: an unknown method.
    """
    if method not in ("bilinear", "nearest"):
        raise UserError(f"pixels are read 'bilinear' or 'nearest', not {method!r}")
    height, width = image.shape[:2]
    flat = planar(image).reshape(image.shape[-1], -1)
    x, y = points[..., 0] - 0.5, points[..., 1] - 0.5

    def at(column: jax.Array, row: jax.Array) -> jax.Array:
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
        return jnp.where(inside, jnp.take(flat, place, axis=1), fill)

    if method == "nearest":
        return unplanar(
            at(jnp.floor(x + 0.5).astype(jnp.int32), jnp.floor(y + 0.5).astype(jnp.int32))
        )
    left, top = jnp.floor(x), jnp.floor(y)
    fx, fy = x - left, y - top
    c, r = left.astype(jnp.int32), top.astype(jnp.int32)
    upper = at(c, r) * (1 - fx) + at(c + 1, r) * fx
    lower = at(c, r + 1) * (1 - fx) + at(c + 1, r + 1) * fx
    return unplanar(upper * (1 - fy) + lower * fy)


def pixel_centres(height: int, width: int) -> jax.Array:
    """The centres of all pixels: float32 [height, width, 2], (x, y)."""
    y, x = jnp.mgrid[:height, :width].astype(jnp.float32) + 0.5
    return jnp.stack([x, y], axis=-1)


def apply_warp(
    image: jax.Array,
    warp: jax.Array,
    *,
    size: int | Sequence[int] | None = None,
    method: str = "bilinear",
    fill: float = 0.0,
) -> jax.Array:
    """Draws the image that a warp describes.

    Args:
      image: [H, W, C] uint8 or float in [0, 1].
      warp: float32 [3, 3], from the result's points to the image's.
      size: of the result; None is the image's.
      method: "bilinear" or "nearest"; no antialiasing, so not for strong reductions.
      fill: value outside.

    Returns:
      float32 [height, width, C].
    """
    image = as_float(image)
    height, width = image.shape[:2] if size is None else both(size)
    points = transform(warp, pixel_centres(height, width))
    return sample(image, points, method=method, fill=fill)


@geometric
def rotate90(
    key: jax.Array | None, image: jax.Array, *, turns: int | None = None, with_warp: bool = False
) -> Result:
    """Rotates by quarter turns counter-clockwise, without resampling.

    Args:
      key: PRNG key; not used if `turns` is given.
      image: [H, W, C] uint8 or float in [0, 1]; square, unless `turns` is even.
      turns: number of quarter turns; None draws 0, 1, 2 or 3.
      with_warp: also return the warp.

    Returns:
      float32 [H, W, C], and the warp if asked for.

    Raises:
      UserError: quarter turns of an image that is not square.
    """
    image = as_float(image)
    if turns is not None and turns % 2 == 0:
        result = jnp.rot90(image, turns)
        return (result, _quarter_warp(image.shape, turns % 4)) if with_warp else result
    chosen = jax.random.randint(key, (), 0, 4) if turns is None else turns % 4
    result = turn_square(image, chosen)
    return (result, _quarter_warp(image.shape, chosen)) if with_warp else result


def turn_square(image: jax.Array, turns: jax.Array | int) -> jax.Array:
    """Rotates a square image by `turns` (0 to 3, traced or not) quarters counter-clockwise."""
    if image.shape[0] != image.shape[1]:
        raise UserError(
            f"a quarter turn keeps the shape of square images only, not of "
            f"{image.shape[0]}x{image.shape[1]}; crop to a square first"
        )
    transposed = jnp.where(turns % 2 == 1, jnp.swapaxes(image, 0, 1), image)
    flipped = jnp.where((turns == 1) | (turns == 2), jnp.flip(transposed, 0), transposed)
    return jnp.where((turns == 2) | (turns == 3), jnp.flip(flipped, 1), flipped)


def _quarter_warp(shape: Sequence[int], turns: jax.Array | int) -> jax.Array:
    h, w = shape[0], shape[1]
    table = [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, -1, w], [1, 0, 0], [0, 0, 1]],
        [[-1, 0, w], [0, -1, h], [0, 0, 1]],
        [[0, 1, 0], [-1, 0, h], [0, 0, 1]],
    ]
    return jnp.asarray(table, jnp.float32)[turns]


@geometric
def rotation(
    key: jax.Array,
    image: jax.Array,
    *,
    degrees: Real | Interval = (-30.0, 30.0),
    method: str = "bilinear",
    fill: Real = 0.0,
    with_warp: bool = False,
) -> Result:
    """Rotates about the centre by a random angle, the shape kept.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1].
      degrees: counter-clockwise, as in Pillow; (low, high) is drawn uniformly, one number fixed.
      method: "bilinear" or "nearest".
      fill: value outside.
      with_warp: also return the warp.

    Returns:
      float32 [H, W, C], and the warp if asked for.
    """
    low, high = pair(degrees, "degrees")
    angle = jax.random.uniform(key, (), minval=low, maxval=high) if high > low else low
    warp = affine_warp(image.shape[0], image.shape[1], angle=-angle)
    result = apply_warp(image, warp, method=method, fill=fill)
    return (result, warp) if with_warp else result


@geometric
def affine(
    key: jax.Array,
    image: jax.Array,
    *,
    degrees: Interval = (0.0, 0.0),
    translate: Fractions = (0.0, 0.0),
    scale: Spread = (1.0, 1.0),
    shear: Interval = (0.0, 0.0),
    method: str = "bilinear",
    fill: Real = 0.0,
    with_warp: bool = False,
) -> Result:
    """Rotates, moves, scales and shears by random amounts, each uniform (torchvision's rule).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1].
      degrees: range of the angle, clockwise.
      translate: largest shift along x and y as shares of width and height; whole pixels.
      scale: range of the factor.
      shear: range of the shear along x, degrees.
      method: "bilinear" or "nearest".
      fill: value outside.
      with_warp: also return the warp.

    Returns:
      float32 [H, W, C], and the warp if asked for.
    """
    height, width = image.shape[:2]
    u = jax.random.uniform(key, (5,))

    def between(limits: tuple[float, float], draw: jax.Array) -> jax.Array:
        return limits[0] + (limits[1] - limits[0]) * draw

    reach = (translate[0] * width, translate[1] * height)
    warp = affine_warp(
        height,
        width,
        angle=between(degrees, u[0]),
        shift=(
            jnp.round(between((-reach[0], reach[0]), u[1])),
            jnp.round(between((-reach[1], reach[1]), u[2])),
        ),
        scale=between(scale, u[3]),
        shear=(between(shear, u[4]), 0.0),
    )
    result = apply_warp(image, warp, method=method, fill=fill)
    return (result, warp) if with_warp else result


@geometric
def perspective(
    key: jax.Array,
    image: jax.Array,
    *,
    distortion: Unit = 0.5,
    method: str = "bilinear",
    fill: Real = 0.0,
    with_warp: bool = False,
) -> Result:
    """Moves each corner inwards by a random number of pixels (torchvision's rule).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1].
      distortion: largest move as a share of half the side, in [0, 1].
      method: "bilinear" or "nearest".
      fill: value outside.
      with_warp: also return the warp.

    Returns:
      float32 [H, W, C], and the warp if asked for.

    Raises:
      UserError: a distortion outside [0, 1].
    """
    if not 0 <= distortion <= 1:
        raise UserError(f"a perspective distortion lies between 0 and 1, not {distortion}")
    height, width = image.shape[:2]
    steps = jnp.asarray(
        [math.floor(distortion * (width // 2)) + 1, math.floor(distortion * (height // 2)) + 1],
        jnp.float32,
    )
    move = jnp.floor(jax.random.uniform(key, (4, 2)) * steps)
    inwards = jnp.asarray([[1, 1], [-1, 1], [-1, -1], [1, -1]], jnp.float32)
    frame = jnp.asarray([[0, 0], [width, 0], [width, height], [0, height]], jnp.float32)
    warp = jnp.matmul(
        jnp.diag(jnp.asarray([width, height, 1.0])),
        invert(quadrilateral_warp(frame + inwards * move)),
        precision=jax.lax.Precision.HIGHEST,
    )
    result = apply_warp(image, warp, method=method, fill=fill)
    return (result, warp) if with_warp else result
