"""Freezing of parameters, shared by all methods that freeze a part of the net."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.state import path_name


def hold(updates: ArrayTree, pattern: str, when: jax.Array | bool = True) -> ArrayTree:
    """Updates that are zero for frozen parameters.

    Args:
      updates: pytree with the structure of the parameters.
      pattern: regular expression that is searched for in a leaf's path such as
        "head/prototypes/kernel".
      when: bool scalar, whether the parameters are frozen.

    Returns:
      The updates, with zeros for frozen parameters.
    """

    def one(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
        if not re.search(pattern, path_name(path)):
            return update
        return jnp.where(when, jnp.zeros_like(update), update)

    return jax.tree_util.tree_map_with_path(one, updates)
