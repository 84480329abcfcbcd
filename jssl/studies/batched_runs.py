"""Many runs of one experiment in one program, with seeds and numeric settings along a leading axis.

A run of a sweep equals the run that `jssl train` would make with the same seed and settings: it has
its own order of examples, key, folder and checkpoints. The runs share the data on the device and
one compilation.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.core.state import TrainState
from jssl.data.device import gather
from jssl.errors import UserError
from jssl.training.chunk import run_steps
from jssl.training.program import Program

How = Literal["auto", "vmap", "map"]

_BATCHED = TrainState(step=None, params=0, opt_state=0, stats=0, memory=0)
_NOT_TRACEABLE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerIntegerConversionError,
    TypeError,
    UserError,
)


@dataclasses.dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
      overrides: assignments of the grid, such as ("method.temperature=0.1",).
      seed: of the run.
    """

    overrides: tuple[str, ...]
    seed: int


def grid(assignments: Sequence[str]) -> list[tuple[str, ...]]:
    """Every combination of the values of "path=a,b,c".

    Args:
      assignments: such as ["method.temperature=0.1,0.2", "optimizer.learning_rate=0.03,0.1"].

    Returns:
      One tuple of "path=value" for each point, the last path changing fastest.

    Raises:
      UserError: for another form, or a path given twice.
    """
    axes, seen = [], set()
    for assignment in assignments:
        path, equals, values = assignment.partition("=")
        parts = [value.strip() for value in values.split(",")]
        if not equals or not path.strip() or not all(parts):
            raise UserError(f"--grid takes key=value,value,..., got {assignment!r}")
        if path in seen:
            raise UserError(f"--grid has {path} twice")
        seen.add(path)
        axes.append([f"{path.strip()}={value}" for value in parts])
    return list(itertools.product(*axes))


def float_overrides(experiment: Experiment, overrides: Sequence[str]) -> dict[str, float]:
    """The assignments that set a float of the method or of the optimizer, by path."""
    found = {}
    for assignment in overrides:
        path, _, text = assignment.partition("=")
        keys = path.split(".")
        if len(keys) != 2 or keys[0] not in ("method", "optimizer"):
            continue
        value = getattr(getattr(experiment, keys[0]), keys[1], None)
        if type(value) is float:
            found[path] = float(text)
    return found


def with_values(program: Program, values: Mapping[str, Any]) -> Program:
    """The program with numeric settings replaced, possibly by traced values.

    It has no mesh: a run of a sweep uses one device.
    """
    experiment = program.experiment
    for path, value in values.items():
        part, name = path.split(".")
        changed = dataclasses.replace(getattr(experiment, part), **{name: value})
        experiment = dataclasses.replace(experiment, **{part: changed})
    tx = program.tx
    if any(path.startswith("optimizer.") for path in values):
        size = (experiment.batch_size, program.steps, program.steps_per_epoch)
        tx = experiment.optimizer.build(*size)
    return dataclasses.replace(program, experiment=experiment, tx=tx, mesh=None)


def groups(
    program: Program, points: Sequence[tuple[str, ...]]
) -> tuple[list[list[int]], list[str]]:
    """Which points of a grid can share one program.

    A path can vary within a program if the train step can be traced with it; a number that
    determines the program's structure (such as whether gradients are clipped) cannot.

    Args:
      program: the experiment without the grid's values.
      points: see `grid`.

    Returns:
      (groups of indices into `points`, paths that separate the groups).
    """
    experiment = program.experiment
    paths = {path: None for point in points for path in float_overrides(experiment, point)}
    traced = {path for path in paths if _traceable(program, path)}
    apart: dict[tuple[str, ...], list[int]] = {}
    static: dict[str, None] = {}
    for place, point in enumerate(points):
        rest = tuple(text for text in point if text.partition("=")[0] not in traced)
        static |= {text.partition("=")[0]: None for text in rest}
        apart.setdefault(rest, []).append(place)
    return list(apart.values()), list(static)


def _traceable(program: Program, path: str) -> bool:
    def step(value: jax.Array, state: TrainState, batch: ArrayTree, root: jax.Array) -> ArrayTree:
        return with_values(program, {path: value}).train_step(state, batch, root)

    size = program.experiment.batch_size
    batch = {
        name: jax.ShapeDtypeStruct((size, *spec.shape), spec.dtype)
        for name, spec in program.example.items()
    }
    root = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(program.initial_state, root)
    try:
        after, _ = jax.eval_shape(step, jax.ShapeDtypeStruct((), jnp.float32), state, batch, root)
    except _NOT_TRACEABLE:
        return False
    return jax.tree.structure(after) == jax.tree.structure(state)


class Together:
    """Several runs as one program.

    Args:
      program: of one of them, bound to one device.
      values: path -> [S], the numbers in which the runs differ.
      seeds: [S].
      how: "vmap" computes all runs at once; "map" one after the other inside the program, which
        rounds as a run alone does; "auto" takes "map" on a CPU for convolutional nets, whose
        batched kernels are slow there, and "vmap" elsewhere.
      devices: to spread the runs over; as many are used as divide their number.
    """

    def __init__(
        self,
        program: Program,
        values: Mapping[str, Sequence[float]],
        seeds: Sequence[int],
        *,
        how: How = "auto",
        devices: int | None = None,
    ) -> None:
        self.program = program
        self.count = len(seeds)
        available = jax.devices()[: devices or jax.device_count()]
        replicas = math.gcd(self.count, len(available))
        self.mesh = Mesh(
            np.asarray(available[:replicas]), ("replica",), axis_types=(AxisType.Auto,)
        )
        self.how = self._choose() if how == "auto" else how
        self._apart = NamedSharding(self.mesh, PartitionSpec("replica"))
        self._same = NamedSharding(self.mesh, PartitionSpec())
        self.values = {
            path: jax.device_put(np.asarray(row, np.float32), self._apart)
            for path, row in values.items()
        }
        roots = jax.vmap(jax.random.key)(jnp.asarray(seeds, jnp.uint32))
        self.roots = jax.device_put(roots, self._apart)

    def _choose(self) -> str:
        shapes = jax.tree.leaves(jax.eval_shape(self.program.initial_state, jax.random.key(0)))
        convolutional = any(leaf.ndim == 4 for leaf in shapes)
        on_cpu = self.mesh.devices.flat[0].platform == "cpu"
        return "map" if convolutional and on_cpu else "vmap"

    @property
    def shardings(self) -> TrainState:
        """The sharding of the state: all leaves but the shared step have a leading axis [S]."""
        state = jax.eval_shape(self.program.initial_state, jax.random.key(0))
        apart = jax.tree.map(lambda _: self._apart, state)
        return apart.replace(step=self._same)

    def place(self, data: ArrayTree) -> ArrayTree:
        """The training split on every device."""
        return jax.device_put(data, self._same)

    def init(self) -> TrainState:
        """The states before the first step, [S, ...]."""

        def one(values: ArrayTree, root: jax.Array) -> TrainState:
            return with_values(self.program, values).initial_state(root)

        def all_(values: ArrayTree, roots: jax.Array) -> TrainState:
            # One after the other, so that a state is drawn and rounded as that of a run alone.
            states = jax.lax.map(lambda pair: one(*pair), (values, roots))
            return states.replace(step=jnp.zeros((), jnp.int32))

        return jax.jit(all_, out_shardings=self.shardings)(self.values, self.roots)

    @functools.cached_property
    def chunk(self) -> Any:
        """Compiled `(states, data, indices [K, S, B], count, values, roots) -> (states, metrics)`.

        Runs `count` <= K steps of all runs; metrics are [K, S].
        """
        apart, same = PartitionSpec("replica"), PartitionSpec()
        spec = TrainState(step=same, params=apart, opt_state=apart, stats=apart, memory=apart)
        second = PartitionSpec(None, "replica")
        return jax.jit(
            jax.shard_map(
                self._run,
                mesh=self.mesh,
                in_specs=(spec, same, second, same, apart, apart),
                out_specs=(spec, second),
                check_vma=False,
            ),
            donate_argnums=0,
        )

    def _run(
        self,
        states: TrainState,
        data: ArrayTree,
        indices: jax.Array,
        count: jax.Array,
        values: ArrayTree,
        roots: jax.Array,
    ) -> tuple[TrainState, ArrayTree]:
        def one(
            values: ArrayTree, state: TrainState, rows: jax.Array, root: jax.Array
        ) -> tuple[TrainState, ArrayTree]:
            batch = gather(data, rows)
            return with_values(self.program, values).train_step(state, batch, root)

        def in_turn(
            values: ArrayTree, states: TrainState, rows: jax.Array, roots: jax.Array
        ) -> tuple[TrainState, ArrayTree]:
            step = states.step
            bare = states.replace(step=None)
            states, metrics = jax.lax.map(
                lambda part: one(part[0], part[1].replace(step=step), *part[2:]),
                (values, bare, rows, roots),
            )
            return states.replace(step=step + 1), metrics

        if self.how == "vmap":
            # The step is one number for all, so that what a step decides by it stays a branch.
            every = jax.vmap(one, in_axes=(0, _BATCHED, 0, 0), out_axes=(_BATCHED, 0))
        else:
            every = in_turn

        def run(step: jax.Array, states: TrainState) -> tuple[TrainState, ArrayTree]:
            return every(values, states, indices[step], roots)

        return run_steps(run, states, count, len(indices))


def part(states: TrainState, run: int) -> TrainState:
    """The state of one run, in the form of a single run."""
    return jax.tree.map(lambda leaf: leaf[run], states.replace(step=None)).replace(step=states.step)


def stack(states: Sequence[TrainState]) -> TrainState:
    """States of several runs at one step, as `Together` carries them."""
    bare = [state.replace(step=None) for state in states]
    whole = jax.tree.map(lambda *leaves: jnp.stack(leaves), *bare)
    return whole.replace(step=states[0].step)


def experiments(experiment: Experiment, members: Sequence[Member]) -> list[Experiment]:
    """The experiment of every member."""
    return [override(experiment, *member.overrides) for member in members]
