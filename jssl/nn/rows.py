"""Rows of a batch: random numbers per example, and the sharding of activations."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp


class _Part(NamedTuple):
    index: jax.Array
    count: int
    examples: int


_PART: contextvars.ContextVar[_Part | None] = contextvars.ContextVar("part", default=None)


_CONSTRAINT: contextvars.ContextVar[Callable[[jax.Array], jax.Array] | None] = (
    contextvars.ContextVar("spread", default=None)
)


@contextlib.contextmanager
def constraining_activations(place: Callable[[jax.Array], jax.Array] | None) -> Iterator[None]:
    """Sets the sharding of activation rows for code traced inside the block.

    Args:
      place: array -> the same array with its leading axis constrained to the batch sharding; None
        leaves the choice to the compiler.
    """
    token = _CONSTRAINT.set(place)
    try:
        yield
    finally:
        _CONSTRAINT.reset(token)


def constrain_activations(x: jax.Array) -> jax.Array:
    """Constrains the rows of an activation to the batch sharding; see `constraining_activations`.

    If parameters are sharded, the compiler may otherwise shard features as well and keep the rows
    of all examples on every device. Layers call this once per block; without
    `constraining_activations` it returns `x` itself.

    Args:
      x: [rows, ...].

    Returns:
      The same values.
    """
    place = _CONSTRAINT.get()
    return x if place is None else place(x)


@contextlib.contextmanager
def part(index: jax.Array, count: int, examples: int) -> Iterator[None]:
    """Declares that code traced inside the block sees one micro-batch of a global batch.

    Args:
      index: int [], which micro-batch: it holds the examples `index`, `index + count`, ...
      count: number of micro-batches.
      examples: number of examples in each.
    """
    token = _PART.set(_Part(index, count, examples))
    try:
        yield
    finally:
        _PART.reset(token)


def example_ids(rows: int) -> jax.Array:
    """The index of each row in the global batch.

    Rows are example-major: the V rows of one example (its views, its blocks) are adjacent, so row v
    of example e has the index e * V + v, whichever micro-batch contains e.

    Args:
      rows: how many there are here.

    Returns:
      int32 [rows].

    Raises:
      ValueError: if the rows are not the same number for each example of the micro-batch.
    """
    here = jnp.arange(rows, dtype=jnp.int32)
    where = _PART.get()
    if where is None:
        return here
    each, rest = divmod(rows, where.examples)
    if rest:
        raise ValueError(f"{rows} rows are not shared evenly by {where.examples} examples")
    return (here // each * where.count + where.index) * each + here % each


def draw(key: jax.Array, rows: int, sample: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """Draws for each row, with the same result for a whole batch and for micro-batches.

    Args:
      key: PRNG key.
      rows: how many there are here.
      sample: key -> array [...], the draw for one row.

    Returns:
      [rows, ...].
    """
    return jax.vmap(lambda number: sample(jax.random.fold_in(key, number)))(example_ids(rows))
