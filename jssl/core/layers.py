"""Which layer a parameter belongs to, and whether one array holds the parameters of several.

Blocks that run as one loop (`scan=True`) have their parameters stacked, [depth, ...], under a
module whose name is "blocks" or ends in "_blocks"; separate blocks are called "block0" and so on.
Code that treats parameters by rank, norm or layer uses these functions, so that both forms of a
network get the same updates.
"""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np
from chex import ArrayTree

from jssl.core.state import path_name, paths
from jssl.errors import UserError

_STACK = re.compile(r"(?:stage(\d+)_|.*_)?blocks")
_BLOCK = re.compile(r"(?:^|/)(?:block(\d+)|stage(\d+)_block(\d+))(?:/|$)")
_FIRST = re.compile(
    r"(?:^|/)(patch_embedding|position_\w+|class_token|mask_token|register_tokens|stem_\w+)"
)
_VECTORS = ("bias", "scale")  # of rank 1 in every layer


def stacked(params: ArrayTree) -> Any:
    """Whether the first axis of each parameter counts layers.

    Args:
      params: parameters, or shapes or updates of the same structure, in nested mappings.

    Returns:
      A tree of the same structure of booleans. A module counts as a stack if it has such a name,
      all of its parameters have the same length, and none of its biases and scales is a plain
      vector; a single block called "blocks" is not a stack.
    """
    stacks: dict[str, list[tuple[str, Any]]] = {}
    for name, leaf in paths(params).items():
        stack = _stack_of(name)
        if stack is not None:
            stacks.setdefault(stack, []).append((name, leaf))
    found = {stack for stack, leaves in stacks.items() if _one_length(leaves)}
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: _stack_of(path_name(path)) in found, params
    )


def matrices(params: ArrayTree) -> Any:
    """Whether each parameter has rank above 1 within its layer, i.e. is neither a bias nor a scale.

    Args:
      params: parameters, in nested mappings.

    Returns:
      A tree of the same structure of booleans.
    """
    return jax.tree.map(lambda leaf, many: leaf.ndim - many > 1, params, stacked(params))


def layer_factors(tree: ArrayTree, decay: float, last_blocks: int | None = None) -> Any:
    """The factor on the learning rate of every parameter.

    With B blocks the head and the final norm are layer B + 1, block i is layer i + 1, embeddings
    and stem are layer 0, and layer l gets decay ** (B + 1 - l) (Clark et al. 2020, "ELECTRA"; Bao
    et al. 2022, "BEiT").

    Args:
      tree: parameters or updates of an encoder, or of a net that contains one and has no other
        blocks.
      decay: the factor from each layer to the one below.
      last_blocks: how many blocks are trained besides the head; None for all layers.

    Returns:
      A tree of the same structure: a float, or float32 [B, 1, ...] where blocks are stacked.

    Raises:
      UserError: `last_blocks` exceeds the number of blocks.
    """
    many = paths(stacked(tree))
    keys = {name: _keys(name, leaf, many[name]) for name, leaf in paths(tree).items()}
    order = sorted({key for found in keys.values() for key in found})
    layer_of = {key: i + 1 for i, key in enumerate(order)}
    blocks = len(order)
    if last_blocks is not None and last_blocks > blocks:
        raise UserError(
            f"the encoder has {blocks} blocks, of which {last_blocks} cannot be trained"
        )

    def factor(layer: np.ndarray | int) -> np.ndarray:
        layer = np.asarray(layer)
        value = decay ** (blocks + 1 - layer.astype(np.float64))
        if last_blocks is not None:
            value = np.where(layer > blocks - last_blocks, value, 0.0)
        return value.astype(np.float32)

    def one(path: tuple[Any, ...], leaf: jax.Array) -> np.ndarray:
        name = path_name(path)
        layers = [layer_of[key] for key in keys[name]]
        if many[name]:
            return factor(np.asarray(layers)).reshape(-1, *[1] * (leaf.ndim - 1))
        if layers:
            return factor(layers[0])
        return factor(0 if _FIRST.search(name) else blocks + 1)

    return jax.tree_util.tree_map_with_path(one, tree)


def count_blocks(tree: ArrayTree) -> int:
    """The number of blocks that `layer_factors` distinguishes."""
    many = paths(stacked(tree))
    return len({k for name, leaf in paths(tree).items() for k in _keys(name, leaf, many[name])})


def _stack_of(path: str) -> str | None:
    """The path of the stack that a parameter belongs to, judged by its name."""
    keys = path.split("/")[:-1]
    found = [i for i, key in enumerate(keys) if _STACK.fullmatch(key)]
    return "/".join(keys[: found[0] + 1]) if found else None


def _one_length(leaves: list[tuple[str, Any]]) -> bool:
    lengths = {tuple(leaf.shape[:1]) for _, leaf in leaves}
    plain = any(leaf.ndim < 2 and name.split("/")[-1] in _VECTORS for name, leaf in leaves)
    return len(lengths) == 1 and () not in lengths and not plain


def _keys(path: str, leaf: Any, many: bool) -> list[tuple[int, ...]]:
    """The numbers of the blocks whose parameters an array holds: (block,) or (stage, block)."""
    if many:
        stage = _STACK.fullmatch(_stack_of(path).split("/")[-1]).group(1)
        if stage is None:
            return [(i,) for i in range(len(leaf))]
        return [(int(stage), i + 1) for i in range(len(leaf))]  # the first stands alone
    found = _BLOCK.search(path)
    return [tuple(int(n) for n in found.groups() if n is not None)] if found else []
