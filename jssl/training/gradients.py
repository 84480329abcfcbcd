"""Loss and gradients of one global batch, computed at once or in micro-batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.errors import UserError
from jssl.methods.base import Method
from jssl.methods.step import Step
from jssl.methods.weighing import PARAMS
from jssl.nn import rows


class Differentiated(NamedTuple):
    """The result of `loss_and_gradients`.

    Attributes:
      loss: float32 scalar.
      gradients: of the parameters, in their structure.
      batch_stats: mutable collections of the net after the batch.
      memory: what `Method.remember` returned.
      metrics: name -> float32 scalar, the named losses among them.
      outputs: what `Method.forward` returned for the batch; of the last micro-batch where the
        objective does not couple examples.
    """

    loss: jax.Array
    gradients: ArrayTree
    batch_stats: ArrayTree
    memory: ArrayTree
    metrics: ArrayTree
    outputs: ArrayTree


def loss_and_gradients(
    method: Method, step: Step, views: ArrayTree, *, accumulate: int = 1
) -> Differentiated:
    """Differentiates a method's loss with respect to the parameters.

    With `accumulate` > 1 the views pass through the networks in that many micro-batches. If the
    objective couples the examples of a batch, the result is still exact: the outputs of all
    micro-batches are gathered, the objective is differentiated once with respect to them, and each
    micro-batch is run again to propagate its part of that gradient to the parameters.

    Args:
      method: the method.
      step: the net, its parameters and collections, the memory, the key and the progress.
      views: pytree of arrays [B, ...].
      accumulate: number of micro-batches; divides B.

    Returns:
      See `Differentiated`.

    Source of the two passes: Gao et al., "Scaling Deep Contrastive Learning Batch Size under
    Memory Limited Setup", 2021, section 3.
    """
    forward_key, objective_key = jax.random.split(step.key)
    after = step.replace(params=None, batch_stats={}, key=objective_key)
    weighing = method.weighing()
    batch = len(jax.tree.leaves(views)[0])

    def forward(
        params: ArrayTree, stats: ArrayTree, views: ArrayTree, index: Any = 0
    ) -> tuple[ArrayTree, ArrayTree]:
        learned_apart = {k: v for k, v in params.items() if k != PARAMS}
        now = step.replace(params=learned_apart, batch_stats=stats, key=forward_key)
        with rows.part(index, accumulate, batch // accumulate):
            outputs = method.forward(now, views)
        return outputs, now.batch_stats

    def named(outputs: ArrayTree) -> tuple[ArrayTree, ArrayTree]:
        return method.objective(after.replace(), outputs)

    def objective(params: ArrayTree, outputs: ArrayTree) -> tuple[jax.Array, ArrayTree]:
        losses, metrics = named(outputs)
        if not isinstance(losses, Mapping):
            return losses, metrics
        learned = params.get(PARAMS, {})
        return weighing.total(losses, learned, step.progress), {**losses, **metrics}

    def whole(
        params: ArrayTree, stats: ArrayTree, views: ArrayTree, index: Any = 0
    ) -> tuple[jax.Array, ArrayTree]:
        outputs, stats = forward(params, stats, views, index)
        loss, metrics = objective(params, outputs)
        return loss, (stats, metrics, outputs)

    differentiate = jax.value_and_grad(whole, has_aux=True)
    if accumulate == 1 and not weighing.balances:
        (loss, (stats, metrics, outputs)), gradients = differentiate(
            step.params, step.batch_stats, views
        )
        memory = method.remember(after.replace(), outputs)
        return Differentiated(loss, gradients, stats, memory, metrics, outputs)

    # The micro-batch axis goes second, so that each micro-batch is spread over all devices.
    def split(x: jax.Array) -> jax.Array:
        return x.reshape(x.shape[0] // accumulate, accumulate, *x.shape[1:]).swapaxes(0, 1)

    def merge(x: jax.Array) -> jax.Array:
        x = x.swapaxes(0, 1)
        return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])

    # The key is the same for all: what is drawn belongs to the example (`jssl.nn.rows`).
    pieces = (jax.tree.map(split, views), jnp.arange(accumulate))
    zeros = jax.tree.map(jnp.zeros_like, step.params)

    if not method.couples_batch and not weighing.balances:

        def piece(carry: ArrayTree, inputs: ArrayTree) -> tuple[ArrayTree, ArrayTree]:
            total, stats = carry
            (loss, (stats, metrics, outputs)), gradients = differentiate(
                step.params, stats, *inputs
            )
            total = jax.tree.map(jnp.add, total, gradients)
            return (total, stats), (loss, metrics, outputs)

        (total, stats), (losses, metrics, outputs) = jax.lax.scan(
            piece, (zeros, step.batch_stats), pieces
        )
        gradients = jax.tree.map(lambda g: g / accumulate, total)
        outputs = jax.tree.map(lambda x: x[-1], outputs)
        metrics = jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)
        memory = method.remember(after.replace(), outputs)
        return Differentiated(jnp.mean(losses), gradients, stats, memory, metrics, outputs)

    def embed(stats: ArrayTree, inputs: ArrayTree) -> tuple[ArrayTree, ArrayTree]:
        outputs, stats = forward(step.params, stats, *inputs)
        return stats, outputs

    stats, stacked = jax.lax.scan(embed, step.batch_stats, pieces)
    outputs = jax.tree.map(merge, stacked)
    learned = {k: v for k, v in step.params.items() if k == PARAMS}
    if weighing.balances:
        loss, metrics, cotangents = _balanced(named, weighing, outputs, after)
        own = jax.tree.map(jnp.zeros_like, learned)
    else:
        (loss, metrics), (own, cotangents) = jax.value_and_grad(
            objective, argnums=(0, 1), has_aux=True, allow_int=True
        )(learned, outputs)

    def replay(total: ArrayTree, inputs: ArrayTree) -> tuple[ArrayTree, None]:
        views, index, cotangent = inputs
        _, pull_back = jax.vjp(
            lambda p: _differentiable(forward(p, stats_before, views, index)[0]), step.params
        )
        return jax.tree.map(jnp.add, total, pull_back(cotangent)[0]), None

    stats_before = step.batch_stats
    cotangents = [split(x) for x in _differentiable(cotangents)]
    gradients, _ = jax.lax.scan(replay, zeros, (*pieces, cotangents))
    gradients = {**gradients, **own}
    memory = method.remember(after.replace(), outputs)
    return Differentiated(loss, gradients, stats, memory, metrics, outputs)


def _balanced(
    named: Any, weighing: Any, outputs: ArrayTree, after: Step
) -> tuple[Any, ArrayTree, ArrayTree]:
    """(loss, metrics, combined gradient of the outputs) where gradients are balanced."""
    (losses, metrics), pull_back = jax.vjp(named, outputs)
    still = jax.tree.map(jnp.zeros_like, metrics)
    gradients = {
        name: pull_back(({k: jnp.float32(k == name) for k in losses}, still))[0] for name in losses
    }
    floats = {name: _differentiable(g) for name, g in gradients.items()}
    combined = weighing.combine(floats, jax.random.fold_in(after.key, 1))
    return weighing.total(losses, {}, after.progress), {**losses, **metrics}, combined


def _differentiable(outputs: ArrayTree) -> list[jax.Array]:
    """Float leaves: integer outputs (labels, masks) carry no gradient."""
    return [x for x in jax.tree.leaves(outputs) if jnp.issubdtype(x.dtype, jnp.inexact)]


def check_accumulation(
    method: Method, stats: ArrayTree, accumulate: int, approximate: bool
) -> None:
    """Refuses accumulation that would change the result.

    Args:
      method: the method.
      stats: mutable collections of its net.
      accumulate: number of micro-batches.
      approximate: whether the user explicitly accepted statistics of the micro-batch.

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
