"""Where a point of one view lies in another: for dense and equivariant methods.

A view made by `tracked(pipeline)` carries a warp, a matrix from its own points to the source
image's. Two views of one example are then related through the source. Points are (x, y) in
continuous pixel coordinates: pixel i covers [i, i + 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from jssl.augmentations.projective import invert, transform


def correspond(warp_a: jax.Array, warp_b: jax.Array, points: jax.Array) -> jax.Array:
    """The points of view b that show what given points of view a show.

    Args:
      warp_a: float32 [3, 3], of view a.
      warp_b: float32 [3, 3], of view b.
      points: float32 [..., 2], (x, y) in view a.

    Returns:
      float32 [..., 2], (x, y) in view b; may lie outside it, see `inside`.
    """
    return transform(invert(warp_b), transform(warp_a, points))


def inside(points: jax.Array, size: int | Sequence[int]) -> jax.Array:
    """Which points lie in a view of `size` = n or (height, width): bool [...]."""
    height, width = (size, size) if isinstance(size, int) else size
    x, y = points[..., 0], points[..., 1]
    return (x >= 0) & (x < width) & (y >= 0) & (y < height)


def dense_correspondence(
    warp_a: jax.Array, warp_b: jax.Array, cells_a: int, size_a: int, size_b: int
) -> tuple[jax.Array, jax.Array]:
    """For each cell of a square feature map of view a, its centre in view b.

    Args:
      warp_a: float32 [3, 3], of view a.
      warp_b: float32 [3, 3], of view b.
      cells_a: cells along a side of the feature map.
      size_a: side of view a, pixels.
      size_b: side of view b, pixels.

    Returns:
      (points float32 [cells_a, cells_a, 2] in pixels of view b, visible bool [cells_a, cells_a]).
    """
    step = size_a / cells_a
    y, x = (jnp.mgrid[:cells_a, :cells_a].astype(jnp.float32) + 0.5) * step
    there = correspond(warp_a, warp_b, jnp.stack([x, y], axis=-1))
    return there, inside(there, size_b)
