"""A method on its own: a net with its parameters, without a trainer, data or a run's folder."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.progress import Progress
from jssl.methods.base import Method, Views
from jssl.methods.step import Step
from jssl.nn import module as nn
from jssl.training.gradients import Differentiated, loss_and_gradients
from jssl.training.update import Drawn, apply_update, initialise


@flax.struct.dataclass
class Bound:
    """A method with the state of its net; a pytree, so that it passes through `jax.jit`.

    Attributes:
      params: parameters.
      batch_stats: mutable collections of the net.
      memory: what the method remembers, such as a teacher or a queue.
      key: PRNG key; that of a step is folded with its number.
      step: int32 scalar, updates made.
      method: the method.
      net: its Linen module, encoder and heads.
      steps: updates of the whole training, which schedules of the method look at.
      steps_per_epoch: updates in an epoch.
    """

    params: ArrayTree
    batch_stats: ArrayTree
    memory: ArrayTree
    key: jax.Array
    step: jax.Array
    method: Method = flax.struct.field(pytree_node=False)
    net: nn.Module = flax.struct.field(pytree_node=False)
    steps: int = flax.struct.field(pytree_node=False)
    steps_per_epoch: int = flax.struct.field(pytree_node=False)

    def loss_and_gradients(self, views: Views) -> Differentiated:
        """Loss of a batch and its gradients with respect to `params`.

        Args:
          views: name -> array or mapping of arrays, leading axis B.

        Returns:
          `loss`, `gradients`, `metrics`, `outputs`, and `batch_stats` and `memory` as they are
          after the batch; see `jssl.training.gradients.Differentiated`.
        """
        return _differentiated(self, views)

    def apply_updates(self, updates: ArrayTree, found: Differentiated) -> Bound:
        """The method after an optimizer's update.

        Args:
          updates: what Optax made of `found.gradients`.
          found: what `loss_and_gradients` returned.

        Returns:
          A `Bound` with new parameters, statistics and memory; teachers have moved.
        """
        _, params, memory = apply_update(self.method, self._at(None), found, updates)
        return self.replace(
            params=params, batch_stats=found.batch_stats, memory=memory, step=self.step + 1
        )

    def encode(self, x: Any) -> Any:
        """What evaluation sees of inputs [B, ...]: `jssl.encoders.Features`."""
        return _encoded(self, x)

    def _at(self, key: jax.Array | None) -> Step:
        progress = Progress(self.step, self.steps, self.steps_per_epoch)
        return Step(self.net, self.params, self.batch_stats, self.memory, key, progress)


def bind(
    method: Method,
    encoder: nn.Module,
    views: Views,
    key: jax.Array | int = 0,
    *,
    steps: int = 1,
    steps_per_epoch: int = 1,
) -> Bound:
    """Joins a method to an encoder and draws their parameters.

    Args:
      method: e.g. `SimCLR()`.
      encoder: e.g. `ViT("Ti")`.
      views: a batch of views, by the names that the method reads; only their shapes matter.
      key: PRNG key, or a seed.
      steps: updates of the whole training, for schedules of the method (a teacher's momentum).
      steps_per_epoch: updates in an epoch.

    Returns:
      The method with its state; see `Bound`.

    Raises:
      UserError: if the views are not those that the method reads.
    """
    method.views.check(type(method).__name__, views, encoder)
    key = jax.random.key(key) if isinstance(key, int) else key
    params_key, memory_key, steps_key = jax.random.split(key, 3)
    net = method.net(encoder)

    def draw(params_key: jax.Array, memory_key: jax.Array, views: Views) -> Drawn:
        return initialise(method, net, views, params_key=params_key, memory_key=memory_key)

    drawn = jax.jit(draw)(params_key, memory_key, views)
    return Bound(*drawn, steps_key, jnp.int32(0), method, net, steps, steps_per_epoch)


@jax.jit
def _differentiated(bound: Bound, views: Views) -> Differentiated:
    key = jax.random.fold_in(bound.key, bound.step)
    return loss_and_gradients(bound.method, bound._at(key), views)


@jax.jit
def _encoded(bound: Bound, x: Any) -> Any:
    return bound.method.encode(bound._at(None), x)
