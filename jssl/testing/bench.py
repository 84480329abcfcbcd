"""One small run of a method with everything that checks look at, computed once and shared."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jssl.experiment import Experiment
from jssl.feed import make_feed
from jssl.methods.base import Method
from jssl.state import TrainState, paths
from jssl.testing.runs import Trajectory, program_of
from jssl.train import Program

STEPS = 5  # of the reference run
CUT = 3  # where it is resumed: neither the first step nor a multiple of an epoch

Tree = Any


class Outcome(NamedTuple):
    """What a check found.

    Attributes:
      passed: None where the check does not apply.
      figure: the number behind it, e.g. "1.2e-07" or "exact".
      sentence: what is wrong, or why it does not apply; "" where there is nothing to say.
    """

    passed: bool | None
    figure: str = ""
    sentence: str = ""


class Bench:
    """A method in a small experiment, after a few steps of training.

    Args:
      experiment: what is checked; see `jssl.testing.small`.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.method: Method = experiment.method
        self.source = experiment.data.load().train
        self.program: Program = program_of(experiment)
        self.root = self.program.root_key(0)

    def run(self, state: TrainState, start: int, stop: int) -> tuple[TrainState, Tree]:
        """Steps on one device, always through the same compiled program."""
        options = {"path": "device", "workers": 0, "chunk": STEPS}
        feed = make_feed(self.program, self.source, seed=0, root=self.root, start=start, **options)
        state, records = feed.advance(state, start, stop - start)
        records = records()
        feed.close()
        return state, records

    @functools.cached_property
    def reference(self) -> Trajectory:
        """An undisturbed run of `STEPS` steps on one device."""
        state, records = self.run(self.program.init(self.root), 0, STEPS)
        self._last = state
        return Trajectory(host(state), records)

    @functools.cached_property
    def state(self) -> TrainState:
        """The state after that run, so that memory is no longer what it was at the start."""
        self.reference  # noqa: B018
        return self._last

    @functools.cached_property
    def batch(self) -> Tree:
        """The first examples of the training split."""
        index = np.arange(self.experiment.batch_size)
        return {**self.source[index], "index": index.astype(np.int32)}

    @functools.cached_property
    def views(self) -> Tree:
        """Views of the batch."""
        return jax.jit(self.experiment.views)(jax.random.key(1), self.batch)

    @functools.cached_property
    def forward(self) -> Callable[..., Tree]:
        """Compiled (params, memory, views) -> outputs."""
        return jax.jit(self._forward)

    def _forward(self, params: Tree, memory: Tree, views: Tree) -> Tree:
        return self.method.forward(
            self.program.net,
            params,
            self.state.stats,
            memory,
            views,
            rng=jax.random.key(2),
            clock=self.program.clock(STEPS),
        )[0]

    @functools.cached_property
    def outputs(self) -> Tree:
        """Outputs for the views."""
        return self.forward(self.state.params, self.state.memory, self.views)

    def objective(self, outputs: Tree, memory: Tree | None = None) -> tuple[jax.Array, Tree]:
        """(loss, new memory), with the same key and clock at every call."""
        loss, (memory, _) = self.method.objective(
            outputs,
            self.state.memory if memory is None else memory,
            rng=jax.random.key(3),
            clock=self.program.clock(STEPS),
        )
        return loss, memory

    def floats(self, outputs: Tree | None = None) -> dict[str, jax.Array]:
        """The outputs that have a gradient."""
        found = self.outputs if outputs is None else outputs
        return {k: x for k, x in found.items() if jnp.issubdtype(x.dtype, jnp.floating)}

    @functools.cached_property
    def loss(self) -> Callable[[Tree], jax.Array]:
        """Compiled outputs -> loss."""
        return jax.jit(lambda outputs: self.objective(outputs)[0])

    @functools.cached_property
    def loss_and_slope(self) -> Callable[[Tree], tuple[jax.Array, Tree]]:
        """Compiled float outputs -> (loss, gradients)."""
        rest = {k: x for k, x in self.outputs.items() if k not in self.floats()}
        return jax.jit(jax.value_and_grad(lambda x: self.objective({**rest, **x})[0]))

    @functools.cached_property
    def slopes(self) -> tuple[Tree, Tree, Tree]:
        """(d loss / d params, d loss / d memory through `forward`, d targets / d params)."""
        state, views = self.state, self.views
        floats, names = split(state.memory)

        def loss(params: Tree, inside: Tree) -> jax.Array:
            outputs = self._forward(params, names(inside), views)
            return self.objective(outputs, state.memory)[0]

        def through_targets(params: Tree) -> jax.Array:
            outputs = self._forward(params, state.memory, views)
            chosen = [outputs[name] for name in self.method.targets]
            # Weights that differ from entry to entry: a sum alone can be constant after a norm.
            return sum(
                (jnp.sum(x * jnp.cos(jnp.arange(x.size, dtype=x.dtype)).reshape(x.shape)))
                for x in chosen
            ) + jnp.float32(0)

        def all_of(params: Tree, inside: Tree) -> tuple[Tree, Tree, Tree]:
            return *jax.grad(loss, (0, 1))(params, inside), jax.grad(through_targets)(params)

        return jax.jit(all_of)(state.params, floats)

    def changed(self, **fields: Any) -> Bench:
        """The same experiment with other fields."""
        return Bench(dataclasses.replace(self.experiment, **fields))


def host(tree: Tree) -> dict[str, np.ndarray]:
    """Leaves by path, as NumPy arrays."""
    return {name: np.asarray(leaf) for name, leaf in paths(tree).items()}


def split(tree: Tree) -> tuple[list[jax.Array], Callable[[list[jax.Array]], Tree]]:
    """The float leaves of a pytree, and the function that puts others in their place."""
    leaves, structure = jax.tree.flatten(tree)
    where = [i for i, x in enumerate(leaves) if jnp.issubdtype(x.dtype, jnp.floating)]

    def rebuild(values: list[jax.Array]) -> Tree:
        new = list(leaves)
        for i, value in zip(where, values, strict=True):
            new[i] = value
        return jax.tree.unflatten(structure, new)

    return [leaves[i] for i in where], rebuild


def relative(a: Any, b: Any) -> float:
    """Difference of two numbers over the larger one; infinite if one is not finite."""
    a, b = float(a), float(b)
    if not (np.isfinite(a) and np.isfinite(b)):
        return float("inf")
    return abs(a - b) / max(abs(a), abs(b), 1e-6)
