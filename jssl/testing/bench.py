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
from jssl.gradients import loss_and_gradients
from jssl.methods.base import Method
from jssl.state import TrainState
from jssl.testing.runs import Trajectory, deviation, program_of
from jssl.testing.trees import host, split
from jssl.train import Program

STEPS = 5  # of the reference run
TOLERANCE = 2e-5  # float32: sums over the batch in another order, STEPS steps of SGD
SEEDS = (0, 1, 2)  # of runs that are compared; the later ones only where the first differ
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
        # Compiled once, for every mesh: where it is computed does not change it.
        self._init = jax.jit(self.program.initial_state)
        self._initial: dict[int, TrainState] = {}
        self._trajectories: dict[tuple[int, int], Trajectory] = {}
        self.loss_key = jax.random.key(2)
        self.forward_key, self.objective_key = jax.random.split(self.loss_key)

    def start(self, program: Program | None = None, seed: int = 0) -> TrainState:
        """The state before the first step, in buffers of its own, where a program wants it."""
        if seed not in self._initial:
            found = self._init(self.program.root_key(seed))
            self._initial[seed] = jax.tree.map(np.asarray, found)
        where = (program or self.program).state_shardings
        return jax.device_put(self._initial[seed], where, may_alias=False)

    def filled(self) -> TrainState:
        """A state of random numbers, on the host: nothing has to be compiled for it."""
        draw = np.random.default_rng(0)

        def fill(spec: jax.ShapeDtypeStruct) -> np.ndarray:
            if not jnp.issubdtype(spec.dtype, jnp.floating):
                return np.zeros(spec.shape, spec.dtype)
            return draw.normal(scale=0.3, size=spec.shape).astype(spec.dtype)

        return jax.tree.map(fill, self.program.abstract_state)

    def run(
        self,
        state: TrainState,
        start: int,
        stop: int,
        *,
        program: Program | None = None,
        path: str = "device",
        seed: int = 0,
    ) -> tuple[TrainState, Tree]:
        """Steps through a program, by default that of one device and resident data."""
        program = program or self.program
        options = {"path": path, "workers": 0, "chunk": STEPS, "seed": seed, "start": start}
        feed = make_feed(program, self.source, root=program.root_key(seed), **options)
        state, records = feed.advance(state, start, stop - start)
        records = records()
        feed.close()
        return state, records

    def trajectory(self, seed: int = 0, program: Program | None = None) -> Trajectory:
        """An undisturbed run of `STEPS` steps; streamed data unless it is on one device."""
        key = (seed, id(program or self.program))
        if key not in self._trajectories:
            path = "stream" if program else "device"
            options = {"program": program, "path": path, "seed": seed}
            state, records = self.run(self.start(program, seed), 0, STEPS, **options)
            self._trajectories[key] = Trajectory(host(state), records)
            if key == (0, id(self.program)):
                self._last = state
        return self._trajectories[key]

    @property
    def reference(self) -> Trajectory:
        """The run on one device with resident data."""
        return self.trajectory()

    @functools.cached_property
    def spread_program(self) -> Program:
        """The same experiment on data 2 x fsdp 4, or on one device where there are not eight."""
        devices, fsdp = (8, 4) if jax.device_count() >= 8 else (1, 1)
        return program_of(self.experiment, devices=devices, fsdp=fsdp)

    def compare(self, other: Callable[[int], Trajectory]) -> list[tuple[float, str]]:
        """Largest differences of another run from the reference, seed by seed.

        Where an input of a ReLU is zero but for rounding, or two neighbours are equally near, one
        run goes the other way, and this is no fault. It happens at a seed in a hundred; a fault
        shows at every seed. Later seeds are therefore only tried where the first differ.

        Args:
          other: seed -> what to compare.

        Returns:
          (deviation, worst leaf or metric) of each seed tried; the last one counts.
        """
        found = []
        for seed in SEEDS:
            pairs = zip(self.trajectory(seed), other(seed), strict=True)
            found.append(max(deviation(a, b) for a, b in pairs))
            if found[-1][0] <= TOLERANCE:
                break
        return found

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
    def _pulled(self) -> Callable[..., tuple[Tree, Tree, Tree]]:
        """One program for outputs and for whatever is pulled back through `forward`."""

        def compute(
            params: Tree, memory: Tree, views: Tree, cotangents: Tree
        ) -> tuple[Tree, Tree, Tree]:
            inside, rebuild = split(memory)

            def forward(params: Tree, inside: list[jax.Array]) -> tuple[Tree, Tree]:
                outputs = self._forward(params, rebuild(inside), views)
                floats = self.floats(outputs)
                return floats, {k: x for k, x in outputs.items() if k not in floats}

            floats, pull, rest = jax.vjp(forward, params, inside, has_aux=True)
            return {**floats, **rest}, *pull({k: cotangents[k] for k in floats})

        return jax.jit(compute)

    def _forward(self, params: Tree, memory: Tree, views: Tree) -> Tree:
        return self.method.forward(
            self.program.net,
            params,
            self.state.stats,
            memory,
            views,
            rng=self.forward_key,
            clock=self.program.clock(STEPS),
        )[0]

    def pull(self, cotangents: Tree, views: Tree | None = None) -> tuple[Tree, Tree, Tree]:
        """(outputs, and the gradients of parameters and of the memory's float leaves).

        Args:
          cotangents: output -> d loss / d output; what is left out is zero.
          views: None for those of the batch.
        """
        state, views = self.state, self.views if views is None else views
        shapes = jax.eval_shape(self._forward, state.params, state.memory, views)
        given = {
            name: cotangents[name] if name in cotangents else np.zeros(x.shape, x.dtype)
            for name, x in self.floats(shapes).items()
        }
        return self._pulled(state.params, state.memory, views, given)

    @functools.cached_property
    def outputs(self) -> Tree:
        """Outputs for the views."""
        return self.pull({})[0]

    def objective(self, outputs: Tree, memory: Tree | None = None) -> tuple[jax.Array, Tree]:
        """(loss, new memory), with the same key and clock at every call."""
        loss, (memory, _) = self.method.objective(
            outputs,
            self.state.memory if memory is None else memory,
            rng=self.objective_key,
            clock=self.program.clock(STEPS),
        )
        return loss, memory

    def floats(self, outputs: Tree | None = None) -> dict[str, jax.Array]:
        """The outputs that have a gradient."""
        found = self.outputs if outputs is None else outputs
        return {k: x for k, x in found.items() if jnp.issubdtype(x.dtype, jnp.floating)}

    @property
    def differentiated(self) -> list[str]:
        """Outputs that a gradient flows back from: floats that are not declared targets."""
        return [name for name in self.floats() if name not in self.method.targets]

    @functools.cached_property
    def evaluate(self) -> Callable[[Tree, Tree], tuple[jax.Array, Tree, Tree]]:
        """Compiled (outputs, memory) -> (loss, new memory, gradients of `differentiated`)."""

        def compute(outputs: Tree, memory: Tree) -> tuple[jax.Array, Tree, Tree]:
            own = {k: outputs[k] for k in self.differentiated}
            (loss, memory), slope = jax.value_and_grad(
                lambda own: self.objective({**outputs, **own}, memory), has_aux=True
            )(own)
            return loss, memory, slope

        return jax.jit(compute)

    def loss(self, outputs: Tree) -> jax.Array:
        """The loss of some outputs of the usual shapes."""
        return self.evaluate(outputs, self.state.memory)[0]

    def loss_and_slope(self, changed: Tree) -> tuple[jax.Array, Tree]:
        """(loss, gradients of `differentiated`) with some of the outputs changed."""
        loss, _, slope = self.evaluate({**self.outputs, **changed}, self.state.memory)
        return loss, slope

    @functools.cached_property
    def slopes(self) -> tuple[Tree, Tree, Tree]:
        """(d loss / d params, d loss / d memory through `forward`, d targets / d params).

        The last is {} if the method declares no targets.
        """
        _, params, memory = self.pull(self.loss_and_slope({})[1])
        if not self.method.targets:
            return params, memory, {}
        # Weights that differ from entry to entry: a sum alone can be constant after a norm.
        weights = {
            name: np.cos(np.arange(x.size)).reshape(x.shape).astype(x.dtype)
            for name, x in self.floats().items()
            if name in self.method.targets
        }
        _, through, inside = self.pull(weights)
        return params, [np.abs(a) + np.abs(b) for a, b in zip(memory, inside, strict=True)], through

    def gradients(self, state: TrainState, pieces: int) -> Tree:
        """Gradients of the batch's loss in so many micro-batches, as the train step finds them."""

        def compute(state: TrainState, views: Tree) -> Tree:
            _, found, *_ = loss_and_gradients(
                self.method,
                self.program.net,
                state.params,
                state.stats,
                state.memory,
                views,
                rng=self.loss_key,
                clock=self.program.clock(STEPS),
                accumulate=pieces,
            )
            return found

        return jax.jit(compute)(state, self.views)

    def changed(self, **fields: Any) -> Bench:
        """The same experiment with other fields."""
        return Bench(dataclasses.replace(self.experiment, **fields))
