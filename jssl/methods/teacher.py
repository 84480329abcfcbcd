"""The moving-average teacher, one implementation for every method that has one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jssl.methods.base import apply

Tree = Any


def new_teacher(params: Tree, stats: Tree) -> dict[str, Tree]:
    """A teacher equal to the student, in buffers of its own.

    The copy matters: the train step donates its state, and one buffer cannot be donated twice.
    """
    return jax.tree.map(jnp.copy, {"params": params, "stats": stats})


def update_teacher(
    teacher: dict[str, Tree], params: Tree, stats: Tree, momentum: float | jax.Array
) -> dict[str, Tree]:
    """Exponential moving average of the student, `m * teacher + (1 - m) * student`.

    BatchNorm running statistics are averaged like parameters. They play no part in training, where
    the teacher normalises with the statistics of its own batch; they make the teacher usable as an
    encoder.

    Args:
      teacher: what `new_teacher` returned.
      params: the student's parameters after the update.
      stats: the student's mutable collections.
      momentum: scalar in [0, 1]; 1 keeps the teacher as it is.

    Returns:
      The new teacher, in the dtype of the old one.

    Source: Grill et al., "Bootstrap Your Own Latent", 2020, eq. 1.
    """

    def average(old: jax.Array, new: jax.Array) -> jax.Array:
        return (momentum * old + (1.0 - momentum) * new).astype(old.dtype)

    return jax.tree.map(average, teacher, {"params": params, "stats": stats})


def run_teacher(
    net: Any, teacher: dict[str, Tree], *args: Any, rng: jax.Array, **kwargs: Any
) -> Any:
    """The teacher's output in training mode, cut off from gradients.

    Training mode is for BatchNorm; an encoder's stochastic depth is left out.

    Args:
      net: the student's Linen module, or its encoder for a teacher without heads.
      teacher: `{"params", "stats"}`.
      *args: inputs of the module.
      rng: key for dropout and stochastic depth.
      **kwargs: further inputs of the module.

    Returns:
      The module's output under `stop_gradient`.
    """
    encoder = getattr(net, "encoder", net)
    if getattr(encoder, "drop_path", 0.0):
        still = encoder.clone(drop_path=0.0)
        net = still if encoder is net else net.clone(encoder=still)
    output, _ = apply(net, teacher["params"], teacher["stats"], *args, rng=rng, **kwargs)
    return jax.lax.stop_gradient(output)


def encoder_part(params: Tree, stats: Tree) -> tuple[Tree, Tree]:
    """The encoder's share of a net's parameters and collections, for a teacher without heads."""
    return params["encoder"], {k: v["encoder"] for k, v in stats.items() if "encoder" in v}
