"""Many train steps in one device call."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from chex import ArrayTree


def run_steps(
    run: Callable[[jax.Array, ArrayTree], tuple[ArrayTree, ArrayTree]],
    state: ArrayTree,
    count: jax.Array,
    limit: int,
) -> tuple[ArrayTree, ArrayTree]:
    """Runs steps one after the other and keeps the metrics of each.

    The count is an argument of the program, so that one compilation serves every chunk.

    Args:
      run: (index in the chunk, state) -> (state, metrics).
      state: before the first step.
      count: int32 scalar, number of steps.
      limit: largest count, K.

    Returns:
      (state, metrics): metrics name -> [K, ...], zero from `count` on.
    """

    def body(step: jax.Array, carry: ArrayTree) -> ArrayTree:
        state, records = carry
        state, metrics = run(step, state)
        return state, jax.tree.map(lambda r, m: r.at[step].set(m), records, metrics)

    first = jnp.zeros_like(count)
    shapes = jax.eval_shape(run, first, state)[1]
    records = jax.tree.map(lambda m: jnp.zeros((limit, *m.shape), m.dtype), shapes)
    return jax.lax.fori_loop(first, count, body, (state, records))
