"""Test harness for short runs: on different meshes, interrupted and resumed, and compared."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.config.experiment import Experiment
from jssl.core.state import TrainState
from jssl.methods.base import Method
from jssl.testing.runs import Trajectory, deviation, program_of
from jssl.testing.trees import host
from jssl.training import sharding
from jssl.training.batches import make_step_runner
from jssl.training.program import Program

STEPS = 5  # length of the reference run
CUT = 3  # step at which it is resumed: neither the first nor a multiple of an epoch
# Tolerance between runs that sum in different orders, by the dtype of the encoder: STEPS steps of
# SGD amplify the rounding error of the first (6e-8 and 4e-3, relative).
TOLERANCES = {"float32": 2e-5, "bfloat16": 2e-2}


class RunHarness:
    """Cached short runs of one experiment.

    Args:
      experiment: the experiment; see `jssl.testing.small`.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.method: Method = experiment.method
        self.source = experiment.data.load().train
        self._init: Any = None
        self.program = self.on(1)
        dtype = getattr(experiment.encoder, "dtype", "float32")
        self.tolerance = TOLERANCES[dtype] * experiment.method.tolerance_factor
        self._trajectories: dict[int, Trajectory] = {}
        self._roots: dict[int, jax.Array] = {}

    def on(self, devices: int, fsdp: int = 1) -> Program:
        """The program on a mesh, with a smoothed net (see `jssl.testing.runs.smoothed`)."""
        program = program_of(self.experiment, devices=devices, fsdp=fsdp, smooth=True)
        self._init = self._init or jax.jit(program.initial_state)
        shapes = self._init.eval_shape(jax.random.key(0))
        where = sharding.state_shardings(shapes, program.mesh, program.rules)
        # Shapes are the same on every mesh and traced only once.
        vars(program)["abstract_state"] = jax.tree.map(
            lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), shapes, where
        )
        return program

    @functools.cached_property
    def initial(self) -> TrainState:
        """The initial state on the host, compiled once for all meshes."""
        return jax.tree.map(np.asarray, self._init(jax.random.key(0)))

    def start(self, program: Program | None = None) -> TrainState:
        """A copy of the initial state, placed as a program requires."""
        where = (program or self.program).state_shardings
        return jax.device_put(self.initial, where, may_alias=False)

    def root(self, program: Program) -> jax.Array:
        """The run's random key, placed as a program requires."""
        if id(program) not in self._roots:
            self._roots[id(program)] = program.root_key(0)
        return self._roots[id(program)]

    def filled(self) -> TrainState:
        """A state of random numbers on the host, which needs no compilation."""
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
    ) -> tuple[TrainState, ArrayTree]:
        """Runs steps of a program, by default on one device with in-memory data."""
        program = program or self.program
        options = {"path": path, "workers": 0, "chunk": STEPS, "seed": 0, "start": start}
        runner = make_step_runner(program, self.source, root=self.root(program), **options)
        state, records = runner.advance(state, start, stop - start)
        records = records()
        runner.close()
        return state, records

    def trajectory(self, program: Program | None = None) -> Trajectory:
        """An uninterrupted run of `STEPS` steps; data are streamed unless on one device."""
        key = id(program or self.program)
        if key not in self._trajectories:
            path = "stream" if program else "device"
            state, records = self.run(self.start(program), 0, STEPS, program=program, path=path)
            self._trajectories[key] = Trajectory(host(state), records)
            if program is None:
                self._last = state
        return self._trajectories[key]

    @property
    def reference(self) -> Trajectory:
        """The run on one device with in-memory data."""
        return self.trajectory()

    @functools.cached_property
    def spread_program(self) -> Program:
        """The program on data 2 x fsdp 4, or on one device if there are fewer than eight."""
        devices, fsdp = (8, 4) if jax.device_count() >= 8 else (1, 1)
        return self.on(devices, fsdp)

    def compare(self, other: Trajectory) -> tuple[float, str]:
        """(largest deviation of another run from the reference, name of that leaf or metric)."""
        return max(deviation(a, b) for a, b in zip(self.reference, other, strict=True))

    @functools.cached_property
    def state(self) -> TrainState:
        """The state after the reference run, with updated memory."""
        self.reference  # noqa: B018
        return self._last
