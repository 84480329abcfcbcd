"""Motion statistics of one clip: location, direction and time of the largest motion."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jssl.errors import UserError

DIRECTIONS = 8
_GRID, _RINGS, _SECTORS = 4, 4, 8
_BLOCKS = (_GRID * _GRID, _RINGS, _SECTORS)


def optical_flow(clip: jax.Array, *, radius: int = 2, ridge: float = 0.1) -> jax.Array:
    """Optical flow from each frame to the next.

    Least squares of the brightness-constancy equation in a window around each pixel (Lucas and
    Kanade, "An Iterative Image Registration Technique with an Application to Stereo Vision", 1981),
    in one iteration at one scale, hence for motion of a pixel or two. In regions without texture, a
    ridge term reduces the flow to zero.

    Args:
      clip: float [T, H, W, C]; channels are averaged.
      radius: of the window, 2 r + 1 pixels wide.
      ridge: share of the clip's mean squared gradient that is added to a window's. Hence the flow
        is the same for a clip that is brighter, has more contrast, or is inverted.

    Returns:
      float32 [T - 1, H, W, 2]: pixels to the right and pixels down.
    """
    grey = jnp.mean(clip.astype(jnp.float32), axis=-1)
    middle = (grey[1:] + grey[:-1]) / 2
    x, y, t = _across(middle, -1) / 2, _across(middle, -2) / 2, grey[1:] - grey[:-1]
    xx, xy, yy, xt, yt = (
        _window(a * b, radius) for a, b in ((x, x), (x, y), (y, y), (x, t), (y, t))
    )
    extra = ridge * jnp.mean(xx + yy) / 2 + 1e-8
    xx, yy = xx + extra, yy + extra
    scale = -1.0 / (xx * yy - xy * xy)
    return jnp.stack([scale * (yy * xt - xy * yt), scale * (xx * yt - xy * xt)], axis=-1)


def motion_boundaries(flow: jax.Array) -> jax.Array:
    """Gradients of both parts of the flow, by Prewitt's filters; a moving camera leaves none.

    Args:
      flow: float [T, H, W, 2].

    Returns:
      float32 [T, 2, 2, H, W]: part of the flow, then to the right and down.
    """
    parts = jnp.moveaxis(flow.astype(jnp.float32), -1, 1)
    x = 3 * _window(_across(parts, -1), 1, axes=(-2,))
    y = 3 * _window(_across(parts, -2), 1, axes=(-1,))
    return jnp.stack([x, y], axis=2)


def partitions(height: int, width: int) -> tuple[np.ndarray, ...]:
    """Three ways to cut a frame into blocks: a grid, rings, sectors.

    Returns:
      int [height, width] each, numbers of blocks: 4 x 4 cells row by row; 4 square rings from the
      middle outwards; 8 sectors of 45 degrees, clockwise from the right.
    """
    row, column = np.mgrid[:height, :width]
    down, right = 2 * (row + 0.5) / height - 1, 2 * (column + 0.5) / width - 1
    grid = _GRID * (_GRID * row // height) + _GRID * column // width
    rings = np.floor(_RINGS * np.maximum(np.abs(down), np.abs(right))).astype(int)
    turn = np.arctan2(down, right) % (2 * math.pi)
    sectors = np.floor(_SECTORS * turn / (2 * math.pi)).astype(int) % _SECTORS
    return grid, rings, sectors


def label_counts(frames: int) -> tuple[int, ...]:
    """Number of classes of each label of `motion_labels`, for clips of T frames: 14 numbers."""
    blocks = (n for count in _BLOCKS for n in (count, DIRECTIONS, count, DIRECTIONS))
    return (*blocks, frames - 1, frames - 1)


def motion_labels(clip: jax.Array) -> jax.Array:
    """What Wang et al. ("... by Predicting Motion and Appearance Statistics", 2019) ask of a clip.

    For each of three partitions and each part of the flow, to the right and down: the block where
    the motion boundaries, added up over time, are strongest, and their direction there, the
    fullest of eight bins of 45 degrees that share each pixel's strength between the two next to
    it. Then, for both parts, the moment at which the boundaries are strongest.

    Args:
      clip: float [T, H, W, C], at least 2 frames of 8 pixels.

    Returns:
      int32 [14], from 0 up: (block, direction) of the first part, of the second, for the grid, the
      rings and the sectors; two moments.

    Raises:
      UserError: a clip that is too small.
    """
    frames, height, width = clip.shape[:3]
    if frames < 2 or min(height, width) < 8:
        raise UserError(
            "statistics of motion need at least 2 frames of at least 8 pixels, not "
            f"{frames} of {height}x{width}"
        )
    boundaries = motion_boundaries(optical_flow(clip))
    total = jnp.sum(boundaries, axis=0)
    strength = jnp.hypot(total[:, 0], total[:, 1]).reshape(2, -1)
    turn = jnp.arctan2(total[:, 1], total[:, 0]).reshape(2, -1) * (DIRECTIONS / (2 * math.pi))
    apart = jnp.abs(jnp.mod(turn, DIRECTIONS)[..., None] - jnp.arange(DIRECTIONS))
    near = jnp.maximum(0.0, 1.0 - jnp.minimum(apart, DIRECTIONS - apart))
    votes = strength[..., None] * near  # [2, H W, 8]
    labels = []
    for number, count in zip(partitions(height, width), _BLOCKS, strict=True):
        inside = (number.reshape(-1) == np.arange(count)[:, None]).astype(np.float32)
        inside = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1.0)
        found = jnp.einsum("np,cpd->cnd", inside, votes, precision=jax.lax.Precision.HIGHEST)
        block = jnp.argmax(jnp.sum(found, axis=-1), axis=-1)
        direction = jnp.argmax(found[jnp.arange(2), block], axis=-1)
        labels += [block[0], direction[0], block[1], direction[1]]
    each = jnp.sum(jnp.hypot(boundaries[:, :, 0], boundaries[:, :, 1]), axis=(-2, -1))
    return jnp.stack([*labels, *jnp.argmax(each, axis=0)]).astype(jnp.int32)


def motion_statistics(key: jax.Array | None, clip: jax.Array) -> dict[str, jax.Array]:
    """A clip and its `motion_labels`.

    Args:
      key: not used; may be None.
      clip: float [T, H, W, C].

    Returns:
      dict(video: the clip, label int32 [14]).
    """
    del key
    return {"video": clip, "label": motion_labels(clip)}


def _across(x: jax.Array, axis: int) -> jax.Array:
    """The next pixel less the one before, along an axis; beyond the sides pixels are repeated."""
    axis %= x.ndim
    count, wide = x.shape[axis], _wider(x, axis, 1)
    after = jax.lax.slice_in_dim(wide, 2, count + 2, axis=axis)
    return after - jax.lax.slice_in_dim(wide, 0, count, axis=axis)


def _window(x: jax.Array, radius: int, axes: tuple[int, ...] = (-2, -1)) -> jax.Array:
    """Means over a window along some axes."""
    for axis in (a % x.ndim for a in axes):
        count, wide = x.shape[axis], _wider(x, axis, radius)
        parts = [jax.lax.slice_in_dim(wide, k, k + count, axis=axis) for k in range(2 * radius + 1)]
        x = sum(parts) / len(parts)
    return x


def _wider(x: jax.Array, axis: int, by: int) -> jax.Array:
    return jnp.pad(x, [(by, by) if a == axis else (0, 0) for a in range(x.ndim)], "edge")
