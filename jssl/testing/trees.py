"""Pytree utilities for the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.core.state import paths


def host(tree: ArrayTree) -> dict[str, np.ndarray]:
    """Maps the path of each leaf to a NumPy array."""
    return {name: np.asarray(leaf) for name, leaf in paths(tree).items()}


def on_host(tree: ArrayTree) -> ArrayTree:
    """The same pytree with its arrays on the host.

    A function that is called with arrays of NumPy at one time and arrays of a device at another is
    compiled for each of the two; called with these it is compiled once.
    """

    def fetch(x: Any) -> Any:
        return x if jnp.issubdtype(jnp.result_type(x), jax.dtypes.prng_key) else np.asarray(x)

    return jax.tree.map(fetch, tree)


def split(tree: ArrayTree) -> tuple[list[jax.Array], Callable[[list[jax.Array]], ArrayTree]]:
    """The float leaves of a pytree, and a function that rebuilds the tree with new leaves."""
    leaves, structure = jax.tree.flatten(tree)
    where = [i for i, x in enumerate(leaves) if jnp.issubdtype(x.dtype, jnp.floating)]

    def rebuild(values: list[jax.Array]) -> ArrayTree:
        new = list(leaves)
        for i, value in zip(where, values, strict=True):
            new[i] = value
        return jax.tree.unflatten(structure, new)

    return [leaves[i] for i in where], rebuild


def relative(a: Any, b: Any) -> float:
    """Difference of two numbers relative to the larger one; infinite if one is not finite."""
    a, b = float(a), float(b)
    if not (np.isfinite(a) and np.isfinite(b)):
        return float("inf")
    return abs(a - b) / max(abs(a), abs(b), 1e-6)
