"""Sets of points: distances, farthest point sampling, nearest neighbours, patches; static shapes.

A cloud is {"xyz": float [B, P, 3], "valid": bool [B, P]}; where `valid` is False there is padding,
which no function here chooses or counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

Cloud = Mapping[str, jax.Array]


class Patches(NamedTuple):
    """A cloud cut into patches.

    Attributes:
      offsets: float [B, G, K, 3], points of each patch as seen from its centre, nearest first.
      centres: float [B, G, 3].
      valid: bool [B, G], False where the cloud has fewer points than there are patches.
    """

    offsets: jax.Array
    centres: jax.Array
    valid: jax.Array


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """Squared distances of all pairs: [..., N, 3] and [..., M, 3] -> [..., N, M].

    Differences are squared and not expanded, which would lose all digits for near points.
    """
    return jnp.sum(jnp.square(a[..., :, None, :] - b[..., None, :, :]), axis=-1)


def farthest_points(xyz: jax.Array, valid: jax.Array, count: int) -> jax.Array:
    """Farthest point sampling: each next point is the farthest from those already chosen.

    The first is the farthest from the mean, so the choice does not depend on the order of the
    points. Once all have been chosen, the first in the list is repeated.

    Args:
      xyz: [P, 3].
      valid: bool [P], at least one True.
      count: number G of points to choose.

    Returns:
      int32 [G].

    Source: Qi et al., "PointNet++", 2017, section 3.2.
    """

    def to(point: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(xyz - point), axis=-1)

    mean = jnp.sum(jnp.where(valid[:, None], xyz, 0.0), axis=0) / jnp.maximum(jnp.sum(valid), 1)
    first = jnp.argmax(jnp.where(valid, to(mean), -1.0)).astype(jnp.int32)

    def step(carry: tuple[jax.Array, jax.Array], _: None) -> tuple[tuple, jax.Array]:
        nearest, last = carry
        nearest = jnp.minimum(nearest, to(xyz[last]))
        following = jnp.argmax(nearest).astype(jnp.int32)
        return (nearest, following), last

    start = jnp.where(valid, jnp.inf, -1.0)
    _, chosen = jax.lax.scan(step, (start, first), length=count)
    return chosen


def nearest_points(
    centres: jax.Array, xyz: jax.Array, valid: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
    """The nearest points of each centre, in order of distance.

    Args:
      centres: [G, 3].
      xyz: [P, 3].
      valid: bool [P].
      count: number K of points for each.

    Returns:
      int32 [G, K], and bool [G, K], False where there are fewer than K points; the nearest point
      stands in there.
    """
    distance = jnp.where(valid, squared_distances(centres, xyz), jnp.inf)
    short = max(0, count - xyz.shape[0])
    distance = jnp.pad(distance, ((0, 0), (0, short)), constant_values=jnp.inf)
    found, index = jax.lax.top_k(-distance, count)
    there = jnp.isfinite(found)
    return jnp.where(there, index, index[:, :1]).astype(jnp.int32), there


def cut(cloud: Cloud, centres: int, neighbours: int) -> Patches:
    """Groups clouds into overlapping patches: farthest points and their neighbours.

    Patches of a cloud with fewer than `neighbours` points repeat the point nearest to the centre.

    Args:
      cloud: see the module.
      centres: number G of patches.
      neighbours: number K of points in a patch.

    Returns:
      The patches.

    Source: Yu et al., "Point-BERT", 2022, section 3.1.
    """

    def one(xyz: jax.Array, valid: jax.Array) -> Patches:
        chosen = farthest_points(xyz, valid, centres)
        middle = xyz[chosen]
        index, _ = nearest_points(middle, xyz, valid, neighbours)
        real = jnp.arange(centres) < jnp.sum(valid)
        return Patches(xyz[index] - middle[:, None], middle, real)

    # Where a point lies is data: nothing is to be learned through the choice.
    xyz = jax.lax.stop_gradient(cloud["xyz"].astype(jnp.float32))
    return jax.vmap(one)(xyz, cloud["valid"])
