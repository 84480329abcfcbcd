"""Holding parameters still, one implementation for every method that freezes a part."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp

from jssl.state import path_name

Tree = Any


def hold(updates: Tree, pattern: str, when: jax.Array | bool = True) -> Tree:
    """Updates that leave some parameters as they are.

    Args:
      updates: pytree of the parameters' structure.
      pattern: regular expression, searched for in a leaf's path such as "head/prototypes/kernel".
      when: bool scalar, whether they are held.

    Returns:
      The updates, zero where held.
    """

    def one(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
        if not re.search(pattern, path_name(path)):
            return update
        return jnp.where(when, jnp.zeros_like(update), update)

    return jax.tree_util.tree_map_with_path(one, updates)
