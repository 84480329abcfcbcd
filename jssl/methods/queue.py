"""A first-in-first-out queue of embeddings, one implementation for every method that has one.

Read it in `objective` before the pushed one is returned: a queue that holds the batch it is read
for gives each query its own answer.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.objectives.common import l2_normalize

Queue = dict[str, jax.Array]


def new_queue(rng: jax.Array, size: int, width: int) -> Queue:
    """A queue full of random unit vectors, as MoCo (He et al., 2020) starts it.

    Args:
      rng: PRNG key.
      size: how many rows it holds.
      width: length of a row.

    Returns:
      {"rows": float32 [size, width], "next": int32 (), the row written next, "pushed": int32 (),
      how many rows have been pushed, at most `size`}.
    """
    rows = l2_normalize(jax.random.normal(rng, (size, width)))
    return {"rows": rows, "next": jnp.int32(0), "pushed": jnp.int32(0)}


def push(queue: Queue, rows: jax.Array) -> Queue:
    """Replaces the oldest rows.

    Args:
      queue: what `new_queue` returned.
      rows: [B, width], any float dtype, stored as they are in float32 and cut off from gradients;
        of more rows than the queue holds the last ones stay.

    Returns:
      The new queue.
    """
    size = queue["rows"].shape[0]
    rows = jax.lax.stop_gradient(rows[-size:]).astype(jnp.float32)
    places = (queue["next"] + jnp.arange(rows.shape[0])) % size
    return {
        "rows": queue["rows"].at[places].set(rows, unique_indices=True),
        "next": (queue["next"] + rows.shape[0]) % size,
        "pushed": jnp.minimum(queue["pushed"] + rows.shape[0], size),
    }
