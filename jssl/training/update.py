"""What comes before and after the gradients: the first state of a method, and its update."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree

from jssl.methods.base import Method
from jssl.methods.step import Step
from jssl.methods.weighing import PARAMS
from jssl.nn import module as nn
from jssl.training.gradients import Differentiated


class Drawn(NamedTuple):
    """The result of `initialise`.

    Attributes:
      params: parameters of the net, learned weights of named losses among them.
      batch_stats: mutable collections of the net.
      memory: what `Method.init_memory` returned.
    """

    params: ArrayTree
    batch_stats: ArrayTree
    memory: ArrayTree


class Updated(NamedTuple):
    """The result of `apply_update`.

    Attributes:
      updates: the optimizer's updates after `Method.scale_updates`.
      params: parameters after `Method.next_params`.
      memory: what `Method.after_update` returned.
    """

    updates: ArrayTree
    params: ArrayTree
    memory: ArrayTree


class Trace(NamedTuple):
    """Every value that a train step computes, in the order of computation.

    Attributes:
      batch: name -> [B, ...], as the step received it.
      views: what the experiment's augmentations made of the batch.
      outputs: what `Method.forward` returned; see `Differentiated`.
      metrics: of the objective, name -> float32 scalar.
      loss: float32 scalar.
      gradients: of the parameters, in their structure.
      updates: what is added to the parameters.
      params: parameters after the step.
      stats: mutable collections of the net after the step.
      memory: what the method remembers after the step.
    """

    batch: ArrayTree
    views: ArrayTree
    outputs: ArrayTree
    metrics: ArrayTree
    loss: jax.Array
    gradients: ArrayTree
    updates: ArrayTree
    params: ArrayTree
    stats: ArrayTree
    memory: ArrayTree


def initialise(
    method: Method,
    net: nn.Module,
    views: ArrayTree,
    *,
    params_key: jax.Array,
    memory_key: jax.Array,
    given: ArrayTree | None = None,
) -> Drawn:
    """Draws what a method starts from.

    Args:
      method: the method.
      net: what `Method.net` returned.
      views: a batch of views; only their shapes matter.
      params_key: PRNG key of the parameters.
      memory_key: PRNG key of the memory.
      given: {"params", "stats"}, nested parts that replace the random initialisation; see
        `jssl.runs.warm_start`. Memory, such as a teacher, is initialised from the result.

    Returns:
      See `Drawn`.
    """
    variables = dict(method.init(net, params_key, views))
    params = variables.pop("params")
    learned = method.weighing().init()
    if learned:
        params = {**params, PARAMS: learned}
    if given is not None:
        params, variables = _put(params, given["params"]), _put(variables, given["stats"])
    memory = method.init_memory(Step(net, params, variables, {}, memory_key))
    return Drawn(params, variables, memory)


def apply_update(
    method: Method, before: Step, found: Differentiated, updates: ArrayTree
) -> Updated:
    """Moves the parameters and what the method remembers.

    Args:
      method: the method.
      before: the step before the update, with the parameters that `found` differentiates.
      found: loss and gradients of the batch.
      updates: what the optimizer made of the gradients.

    Returns:
      See `Updated`.
    """
    updates = method.scale_updates(before, updates)
    params = optax.apply_updates(before.params, updates)
    after = before.replace(params=params, batch_stats=found.batch_stats, memory=found.memory)
    memory = method.after_update(after)
    params = method.next_params(after.replace(memory=memory))
    return Updated(updates, params, memory)


def _put(tree: ArrayTree, parts: ArrayTree) -> ArrayTree:
    """`tree` with the leaves of `parts`, a nested mapping with some of its keys."""
    if not isinstance(parts, dict):
        return jnp.asarray(parts, tree.dtype)
    return {**tree, **{key: _put(tree[key], part) for key, part in parts.items()}}
