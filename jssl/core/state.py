"""The training state, everything that is carried from step to step."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
from chex import ArrayTree


@flax.struct.dataclass
class TrainState:
    """The state of a run; exactly this is saved in a checkpoint.

    Random keys are not part of the state: the key of a step is `fold_in(root, step)`, and a batch
    is a function of (seed, step).

    Attributes:
      step: int32 scalar, optimizer steps taken.
      params: parameters of the method's net, float32.
      opt_state: the state of the Optax transformation.
      stats: mutable collections of the net, `{"batch_stats": ...}` or `{}`.
      memory: the method's state without gradients (teacher, queue, centre ...).
    """

    step: jax.Array
    params: ArrayTree
    opt_state: ArrayTree
    stats: ArrayTree
    memory: ArrayTree


def paths(tree: ArrayTree) -> dict[str, Any]:
    """Leaves by a readable path such as `params/encoder/stem/kernel`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {path_name(path): leaf for path, leaf in flat}


def path_name(path: tuple[Any, ...]) -> str:
    """`a/b/0/c` for a key path of `jax.tree_util`."""
    return "/".join(
        str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path
    )
