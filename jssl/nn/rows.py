"""Rows of a batch: random numbers that belong to an example, and where its activations lie."""

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


_SPREAD: contextvars.ContextVar[Callable[[jax.Array], jax.Array] | None] = contextvars.ContextVar(
    "spread", default=None
)


@contextlib.contextmanager
def spread_by(place: Callable[[jax.Array], jax.Array] | None) -> Iterator[None]:
    """Says where rows of activations lie in what is traced inside.

    Args:
      place: array -> the same array, its leading axis kept where the batch lies; None for
        wherever the compiler likes.
    """
    token = _SPREAD.set(place)
    try:
        yield
    finally:
        _SPREAD.reset(token)


def spread(x: jax.Array) -> jax.Array:
    """Keeps the rows of an activation with their examples; see `spread_by`.

    Where parameters are split over devices, the compiler may otherwise split features as well and
    keep the rows of all examples on every device. Layers call it once a block; it is `x` itself
    where nothing was said.

    Args:
      x: [rows, ...].

    Returns:
      The same values.
    """
    place = _SPREAD.get()
    return x if place is None else place(x)


@contextlib.contextmanager
def part(index: jax.Array, count: int, examples: int) -> Iterator[None]:
    """Says that what is traced inside sees one micro-batch of a global batch.

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


def numbers(rows: int) -> jax.Array:
    """The number of each row in the global batch.

    Rows are example-major everywhere: V rows of one example (its views, its blocks) stand side by
    side, so row v of example e has the number e * V + v, in whichever micro-batch e is.

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
    """Draws for each row by itself, the same whether the batch comes whole or in micro-batches.

    Args:
      key: PRNG key.
      rows: how many there are here.
      sample: key -> array [...], the draw for one row.

    Returns:
      [rows, ...].
    """
    return jax.vmap(lambda number: sample(jax.random.fold_in(key, number)))(numbers(rows))
