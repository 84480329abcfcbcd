"""Many train steps in one device call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Tree = Any


def run_steps(
    run: Callable[[jax.Array, Tree], tuple[Tree, Tree]], state: Tree, count: jax.Array, most: int
) -> tuple[Tree, Tree]:
    """Runs steps one after the other and keeps the metrics of each.

    The count is an argument of the program, so that one compilation serves every chunk.

    Args:
      run: (index in the chunk, state) -> (state, metrics).
      state: before the first step.
      count: int32 scalar, number of steps.
      most: largest count, K.

    Returns:
      (state, metrics): metrics name -> [K, ...], zero from `count` on.
    """

    def body(step: jax.Array, carry: Tree) -> Tree:
        state, records = carry
        state, metrics = run(step, state)
        return state, jax.tree.map(lambda r, m: r.at[step].set(m), records, metrics)

    first = jnp.zeros_like(count)
    shapes = jax.eval_shape(run, first, state)[1]
    records = jax.tree.map(lambda m: jnp.zeros((most, *m.shape), m.dtype), shapes)
    return jax.lax.fori_loop(first, count, body, (state, records))
