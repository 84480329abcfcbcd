"""Loss and gradients of one global batch, at once or in micro-batches that fit in memory."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.clock import Clock
from jssl.errors import UserError
from jssl.methods.base import Method
from jssl.nn import rows

Tree = Any


def loss_and_gradients(
    method: Method,
    net: nn.Module,
    params: Tree,
    stats: Tree,
    memory: Tree,
    views: Tree,
    *,
    rng: jax.Array,
    clock: Clock,
    accumulate: int = 1,
) -> tuple[jax.Array, Tree, Tree, Tree, Tree, Tree]:
    """Differentiates a method's loss with respect to `params`.

    With `accumulate` > 1 the views pass through the networks in that many micro-batches. If the
    objective couples the examples of a batch, this is exact all the same: outputs of all
    micro-batches are gathered, the objective is differentiated once with respect to them, and each
    micro-batch is run again to pull its part of that gradient back to the parameters.

    Args:
      method: the method.
      net: its Linen module.
      params: parameters of `net`.
      stats: mutable collections of `net`.
      memory: what the method remembers.
      views: pytree of arrays [B, ...].
      rng: key of the step.
      clock: progress of the run.
      accumulate: number of micro-batches; divides B.

    Returns:
      (loss, gradients, stats, memory, metrics, outputs); `outputs` is what `forward` returned for
      the whole batch (of the last micro-batch where the objective does not couple examples).

    Source of the two passes: Gao et al., "Scaling Deep Contrastive Learning Batch Size under
    Memory Limited Setup", 2021, section 3.
    """
    forward_key, objective_key = jax.random.split(rng)

    batch = len(jax.tree.leaves(views)[0])

    def forward(params: Tree, stats: Tree, views: Tree, index: Any = 0) -> tuple[Tree, Tree]:
        with rows.part(index, accumulate, batch // accumulate):
            return method.forward(net, params, stats, memory, views, rng=forward_key, clock=clock)

    def objective(outputs: Tree, memory: Tree) -> tuple[jax.Array, tuple[Tree, Tree]]:
        return method.objective(outputs, memory, rng=objective_key, clock=clock)

    def whole(params: Tree, stats: Tree, views: Tree, index: Any = 0) -> tuple[jax.Array, Tree]:
        outputs, stats = forward(params, stats, views, index)
        loss, (new_memory, metrics) = objective(outputs, memory)
        return loss, (stats, new_memory, metrics, outputs)

    differentiate = jax.value_and_grad(whole, has_aux=True)
    if accumulate == 1:
        (loss, aux), gradients = differentiate(params, stats, views)
        return loss, gradients, *aux

    # The micro-batch axis goes second, so that each micro-batch is spread over all devices.
    def split(x: jax.Array) -> jax.Array:
        return x.reshape(x.shape[0] // accumulate, accumulate, *x.shape[1:]).swapaxes(0, 1)

    def merge(x: jax.Array) -> jax.Array:
        x = x.swapaxes(0, 1)
        return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])

    # The key is the same for all: what is drawn belongs to the example (`jssl.nn.rows`).
    pieces = (jax.tree.map(split, views), jnp.arange(accumulate))
    zeros = jax.tree.map(jnp.zeros_like, params)

    if not method.couples_batch:

        def piece(carry: Tree, inputs: Tree) -> tuple[Tree, Tree]:
            total, stats = carry
            (loss, (stats, new_memory, metrics, outputs)), gradients = differentiate(
                params, stats, *inputs
            )
            total = jax.tree.map(jnp.add, total, gradients)
            return (total, stats), (loss, new_memory, metrics, outputs)

        (total, stats), (losses, memories, metrics, outputs) = jax.lax.scan(
            piece, (zeros, stats), pieces
        )
        gradients = jax.tree.map(lambda g: g / accumulate, total)
        last = jax.tree.map(lambda x: x[-1], (memories, outputs))
        metrics = jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)
        return jnp.mean(losses), gradients, stats, last[0], metrics, last[1]

    def embed(stats: Tree, inputs: Tree) -> tuple[Tree, Tree]:
        outputs, stats = forward(params, stats, *inputs)
        return stats, outputs

    new_stats, stacked = jax.lax.scan(embed, stats, pieces)
    outputs = jax.tree.map(merge, stacked)
    (loss, (new_memory, metrics)), cotangents = jax.value_and_grad(
        objective, has_aux=True, allow_int=True
    )(outputs, memory)

    # Integer outputs (labels, masks) carry no gradient; their cotangents cannot go through a scan.
    def differentiable(outputs: Tree) -> list[jax.Array]:
        return [x for x in jax.tree.leaves(outputs) if jnp.issubdtype(x.dtype, jnp.inexact)]

    def replay(total: Tree, inputs: Tree) -> tuple[Tree, None]:
        views, index, cotangent = inputs
        _, pull_back = jax.vjp(lambda p: differentiable(forward(p, stats, views, index)[0]), params)
        return jax.tree.map(jnp.add, total, pull_back(cotangent)[0]), None

    cotangents = [split(x) for x in differentiable(cotangents)]
    gradients, _ = jax.lax.scan(replay, zeros, (*pieces, cotangents))
    return loss, gradients, new_stats, new_memory, metrics, outputs


def check_accumulation(method: Method, stats: Tree, accumulate: int, approximate: bool) -> None:
    """Refuses micro-batches that would change the numbers.

    Args:
      method: the method.
      stats: mutable collections of its net.
      accumulate: number of micro-batches.
      approximate: whether the user accepted statistics of the micro-batch by name.

    Raises:
      UserError: if the net normalises over the batch and the approximation was not asked for.
    """
    if accumulate > 1 and stats and not approximate:
        raise UserError(
            f"{type(method).__name__} with accumulate={accumulate} would not equal the full batch: "
            f"the net keeps batch statistics ({', '.join(sorted(stats))}), and a micro-batch has "
            "its own; use an encoder and heads without BatchNorm, or accept the approximation "
            "with --approximate-accumulation"
        )
