"""Projective maps of the plane as 3 x 3 matrices: action, inverse, affine, corners."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def transform(warp: jax.Array, points: jax.Array) -> jax.Array:
    """Applies a projective map to points.

    Args:
      warp: float32 [3, 3].
      points: float32 [..., 2], (x, y).

    Returns:
      float32 [..., 2].
    """
    x, y = points[..., 0], points[..., 1]
    moved = [warp[i, 0] * x + warp[i, 1] * y + warp[i, 2] for i in range(3)]
    return jnp.stack([moved[0] / moved[2], moved[1] / moved[2]], axis=-1)


def invert(warp: jax.Array) -> jax.Array:
    """The inverse of a projective map, by cofactors: float32 [3, 3], the last entry 1."""
    a, b, c = warp
    rows = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], axis=1)
    return rows / rows[2, 2]


def affine_warp(
    height: int,
    width: int,
    *,
    angle: jax.Array | float = 0.0,
    shift: tuple[jax.Array | float, jax.Array | float] = (0.0, 0.0),
    scale: jax.Array | float = 1.0,
    shear: tuple[jax.Array | float, jax.Array | float] = (0.0, 0.0),
) -> jax.Array:
    """The warp of a rotation, shear, scale and shift about the image's centre.

    The image is sheared along x and y, turned clockwise, scaled and moved, in this order
    (torchvision's affine).

    Args:
      height: of the image, pixels.
      width: of the image, pixels.
      angle: degrees, clockwise.
      shift: (x, y) in pixels.
      scale: factor.
      shear: (x, y) in degrees.

    Returns:
      float32 [3, 3], from the result's points to the image's.
    """
    turn, sx, sy = (jnp.deg2rad(jnp.asarray(v, jnp.float32)) for v in (angle, *shear))
    cos, sin = jnp.cos(turn), jnp.sin(turn)
    tx, ty = jnp.tan(sx), jnp.tan(sy)
    a, c = scale * (cos + sin * ty), scale * (sin - cos * ty)
    b, d = -a * tx - scale * sin, -c * tx + scale * cos
    cx, cy = width / 2, height / 2
    px, py = cx + shift[0], cy + shift[1]
    zero, one = jnp.zeros(()), jnp.ones(())
    forward = [[a, b, px - a * cx - b * cy], [c, d, py - c * cx - d * cy], [zero, zero, one]]
    return invert(jnp.stack([jnp.stack([jnp.asarray(v, jnp.float32) for v in r]) for r in forward]))


def quadrilateral_warp(corners: jax.Array) -> jax.Array:
    """The projective map of the unit square onto a quadrilateral (Heckbert, 1989, section 2.2).

    Args:
      corners: float32 [4, 2], images of (0, 0), (1, 0), (1, 1), (0, 1).

    Returns:
      float32 [3, 3].
    """
    p0, p1, p2, p3 = corners
    d1, d2, d3 = p1 - p2, p3 - p2, p0 - p1 + p2 - p3
    base = d1[0] * d2[1] - d1[1] * d2[0]
    g = (d3[0] * d2[1] - d3[1] * d2[0]) / base
    h = (d1[0] * d3[1] - d1[1] * d3[0]) / base
    along, down = p1 - p0 + g * p1, p3 - p0 + h * p3
    return jnp.stack(
        [
            jnp.stack([along[0], down[0], p0[0]]),
            jnp.stack([along[1], down[1], p0[1]]),
            jnp.stack([g, h, jnp.ones(())]),
        ]
    )
