"""Helpers for single operations: apply with warp, apply with a probability, describe."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jssl.augmentations.image import as_input
from jssl.core.ranges import Ranged, Unit
from jssl.errors import UserError

Op = Callable[..., Any]


def describe(op: object) -> str:
    """A description of an operation that is equal in every process (a function's repr is not)."""
    if isinstance(op, functools.partial):
        arguments = [repr(a) for a in op.args] + [f"{k}={v!r}" for k, v in op.keywords.items()]
        return f"{describe(op.func)}({', '.join(arguments)})"
    return getattr(op, "__name__", None) or repr(op)


def _has(op: object, mark: str) -> bool:
    return bool(getattr(op.func if isinstance(op, functools.partial) else op, mark, False))


def with_warp(op: Op, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Applies an operation and returns its warp.

    Returns:
      The result and a float32 [3, 3] warp from the result's points to the input's (the identity
      for an operation that moves nothing); see geometry.py for the coordinates.

    Raises:
      UserError: an operation whose pixel motion is not described by a matrix.
    """
    if isinstance(op, Sometimes):
        return op.with_warp(key, image)
    if _has(op, "geometric"):
        return op(key, image, with_warp=True)
    if _has(op, "dense"):
        raise UserError(
            f"{describe(op)} is not a linear map of coordinates, so no matrix leads from view to "
            "image; leave it out of a tracked pipeline, or ask the operation itself for its map"
        )
    return op(key, image), jnp.eye(3)


@dataclass(frozen=True)
class Sometimes(Ranged):
    """An operation applied with a probability; see `sometimes`.

    Attributes:
      op: the operation.
      p: probability that it is applied.
    """

    op: Op
    p: Unit

    def __call__(self, key: jax.Array, image: jax.Array) -> jax.Array:
        coin, inner = jax.random.split(key)
        image = jax.tree.map(as_input, image)
        applied = jax.random.uniform(coin) < self.p
        return jax.lax.cond(applied, lambda x: self.op(inner, x), lambda x: x, image)

    def with_warp(self, key: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        coin, inner = jax.random.split(key)
        image = as_input(image)
        applied = jax.random.uniform(coin) < self.p
        return jax.lax.cond(
            applied, lambda x: with_warp(self.op, inner, x), lambda x: (x, jnp.eye(3)), image
        )

    def __repr__(self) -> str:
        return f"sometimes({describe(self.op)}, {self.p})"


def sometimes(op: Op, p: float) -> Op:
    """Applies `op` with probability `p`, and otherwise returns the image unchanged.

    If examples are mapped one at a time (mapping.py), an unchanged image costs nothing. Under vmap
    both results are computed and one is selected, so the cost does not depend on `p`. For p = 1 the
    operation itself is returned. The operation must keep the image's shape.

    Args:
      op: op(key, image) -> image.
      p: probability, a Python number.

    Returns:
      An operation.

    Raises:
      UserError: a probability outside [0, 1].
    """
    once = Sometimes(op, p)
    return op if p == 1 else once
