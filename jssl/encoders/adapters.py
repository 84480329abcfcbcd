"""Networks of other module libraries as encoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict

from jssl.encoders.features import Features, refuse_masks
from jssl.errors import UserError
from jssl.nn import module as nn

Tree = dict[str, Any]


class NNXEncoder(nn.Module):
    """A network of Flax NNX as an encoder.

    Its `nnx.Param` are trained, its `nnx.BatchStat` move in training, and its random layers draw
    from the key of the step. It is run in training or evaluation mode as the trainer asks
    (`nnx.Module.train`, `nnx.Module.eval`).

    Attributes:
      make: a class or a function with a name, `(rngs: nnx.Rngs) -> nnx.Module`. The network is
        called with an input [B, ...] and returns an array [B, D] or `Features`.
    """

    make: Callable[[nnx.Rngs], nnx.Module]

    @nn.compact
    def __call__(
        self,
        x: Any,
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes.

        Args:
          x: what the network takes, [B, ...].
          mask: must be None.
          keep: must be None.
          train: whether the network is in training mode.

        Returns:
          What the network returns; an array becomes `Features.pooled`.

        Raises:
          UserError: if `mask` or `keep` is given, if the network has variables of another kind, or
            returns something else.
        """
        refuse_masks("NNXEncoder", mask, keep)
        made = nnx.eval_shape(lambda: self.make(nnx.Rngs(0)))
        graph, *states = nnx.split(made, nnx.Param, nnx.BatchStat, nnx.RngState, ...)
        params, statistics, random, others = states
        _refuse_others(others)
        values = self.param("network", lambda key: self._drawn(key, nnx.Param))
        found = [_filled(params, values)]
        batch_stats = None
        if jax.tree.leaves(statistics):
            start = lambda: self._drawn(jax.random.key(0), nnx.BatchStat)  # noqa: E731
            batch_stats = self.variable("batch_stats", "network", start)
            found.append(_filled(statistics, batch_stats.value))
        if jax.tree.leaves(random):
            key = self.make_rng("dropout") if train else jax.random.key(0)
            found.append(_seeded(random, key))
        network = nnx.merge(graph, *found)
        network.train() if train else network.eval()
        output = network(x)
        writable = self.is_mutable_collection("batch_stats") and not self.is_initializing()
        if batch_stats is not None and train and writable:
            batch_stats.value = _values(nnx.state(network, nnx.BatchStat))
        if isinstance(output, jax.Array) and output.ndim == 2:
            return Features(pooled=output)
        if not isinstance(output, Features):
            given = getattr(output, "shape", type(output).__name__)
            raise UserError(f"an NNX encoder returns an array [B, D] or Features, not {given}")
        return output

    def _drawn(self, key: jax.Array, kind: type[nnx.Variable]) -> Tree:
        return _values(nnx.state(self.make(nnx.Rngs(key)), kind))


def _values(state: nnx.State) -> Tree:
    """The arrays of a state, in dictionaries with strings as keys (lists have numbers)."""
    flat = nnx.to_flat_state(state)
    return unflatten_dict({tuple(map(str, path)): leaf.get_value() for path, leaf in flat})


def _filled(state: nnx.State, values: Tree) -> nnx.State:
    """The state with other arrays, as `_values` gives them."""
    found = flatten_dict(values)
    flat = nnx.to_flat_state(state)
    return nnx.from_flat_state(
        [(path, leaf.replace(found[tuple(map(str, path))])) for path, leaf in flat]
    )


def _seeded(state: nnx.State, key: jax.Array) -> nnx.State:
    """Random streams of their own for all random layers, each at its start."""
    flat = []
    for number, (path, leaf) in enumerate(nnx.to_flat_state(state)):
        keyed = isinstance(leaf, nnx.RngKey)
        value = jax.random.fold_in(key, number) if keyed else jnp.zeros((), jnp.uint32)
        flat.append((path, leaf.replace(value)))
    return nnx.from_flat_state(flat)


def _refuse_others(state: nnx.State) -> None:
    for path, leaf in nnx.to_flat_state(state):
        raise UserError(
            f"an NNX encoder has variables of the kinds Param, BatchStat and RngState; "
            f"{'.'.join(map(str, path))} is of the kind {type(leaf).__name__}"
        )
