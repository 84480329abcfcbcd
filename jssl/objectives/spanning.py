"""Minimum spanning trees of embeddings, and the regulariser that stretches them."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.objectives.common import matmul

_FAR = jnp.float32(3e38)


def spanning_tree(distances: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A minimum spanning tree by Prim's algorithm, in N - 1 steps of N comparisons.

    Args:
      distances: [N, N], symmetric; the diagonal is ignored. Lengths and their squares give the
        same tree.

    Returns:
      (child, parent), int32 [N - 1] each: the edges in the order in which they were added.

    Source: Prim, "Shortest connection networks and some generalizations", 1957.
    """
    chex.assert_rank(distances, 2)
    count = distances.shape[0]
    chex.assert_axis_dimension(distances, 1, count)
    distances = distances.astype(jnp.float32)

    def add(
        carry: tuple[jax.Array, jax.Array, jax.Array], _: None
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        nearest, parent, outside = carry
        child = jnp.argmin(jnp.where(outside, nearest, jnp.inf)).astype(jnp.int32)
        edge = child, parent[child]
        closer = distances[child] < nearest
        carry = (
            jnp.where(closer, distances[child], nearest),
            jnp.where(closer, child, parent),
            outside.at[child].set(False),
        )
        return carry, edge

    start = (
        jnp.minimum(distances[0], _FAR),
        jnp.zeros(count, jnp.int32),
        jnp.arange(count) > 0,
    )
    _, edges = jax.lax.scan(add, start, length=count - 1)
    return edges


def tree_length(x: jax.Array) -> jax.Array:
    """Total Euclidean length of the minimum spanning tree; gradients flow to its edges.

    Args:
      x: [N, D] points, any float dtype.

    Returns:
      float32 scalar.

    Source: Mordacq et al., "T-REGS", 2025, section 3.
    """
    chex.assert_rank(x, 2)
    x = jnp.clip(x.astype(jnp.float32), -1e15, 1e15)
    # Distances do not change when all points move; about their mean, near points keep their digits.
    fixed = jax.lax.stop_gradient(x - jnp.mean(x, axis=0))
    square = jnp.sum(fixed * fixed, axis=1)
    distances = square[:, None] + square[None, :] - 2.0 * matmul(fixed, fixed.T)
    child, parent = spanning_tree(distances)
    edges = x[child] - x[parent]
    square = jnp.sum(edges * edges, axis=1)
    # Points that coincide have an edge of length 0, and no gradient.
    return jnp.sum(jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0))


def sphere_distance(x: jax.Array) -> jax.Array:
    """Squared distance of each point from the unit sphere, `(|x| - 1)^2`.

    Args:
      x: [N, D], any float dtype.

    Returns:
      float32 [N].

    Source: Mordacq et al., "T-REGS", 2025, section 3 (the soft sphere constraint).
    """
    chex.assert_rank(x, 2)
    x = jnp.clip(x.astype(jnp.float32), -1e15, 1e15)
    square = jnp.sum(x * x, axis=1)
    norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
    return jnp.square(norm - 1.0)
