"""A first-in-first-out queue of embeddings, shared by all methods that have one.

Read the queue in `objective` and push to it in `remember`: a queue that already holds the batch
would contain each query's own key.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.objectives.common import l2_normalize

Queue = dict[str, jax.Array]


def new_queue(rng: jax.Array, size: int, width: int) -> Queue:
    """A queue full of random unit vectors, the initialisation of MoCo (He et al., 2020).

    Args:
      rng: PRNG key.
      size: number of rows of the queue.
      width: length of a row.

    Returns:
      {"rows": float32 [size, width], "next": int32 (), index of the row that is written next,
      "pushed": int32 (), number of rows pushed so far, at most `size`}.
    """
    rows = l2_normalize(jax.random.normal(rng, (size, width)))
    return {"rows": rows, "next": jnp.int32(0), "pushed": jnp.int32(0)}


def push(queue: Queue, rows: jax.Array) -> Queue:
    """Replaces the oldest rows.

    Args:
      queue: what `new_queue` returned.
      rows: [B, width], any float dtype, stored in float32 without normalisation and without
        gradient; if there are more rows than the queue holds, only the last ones are stored.

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
