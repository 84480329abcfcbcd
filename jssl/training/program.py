"""Programs: an experiment bound to data and a mesh, with its compiled and sharded functions."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from chex import ArrayTree
from jax.sharding import Mesh

from jssl.core.progress import Progress
from jssl.core.state import TrainState
from jssl.data.device import gather
from jssl.data.order import steps_per_epoch
from jssl.errors import UserError
from jssl.health import alarm
from jssl.methods.step import Step
from jssl.methods.views import made_by
from jssl.nn import module as nn
from jssl.training import sharding, sizes
from jssl.training.chunk import run_steps
from jssl.training.gradients import check_accumulation
from jssl.training.step import INIT, traced_step
from jssl.training.update import initialise

if TYPE_CHECKING:
    from jssl.config.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Program:
    """An experiment bound to a data length and a mesh; its functions are compiled lazily.

    Attributes:
      experiment: what is run.
      mesh: where it runs.
      net: the method's Linen module around the experiment's encoder.
      tx: the Optax transformation.
      steps: optimizer steps of the whole run.
      steps_per_epoch: optimizer steps in an epoch.
      example: name -> `jax.ShapeDtypeStruct` of one example, with its "index".
      rules: sharding rules of the state.
      accumulate: number of micro-batches in a step.
      approximate: whether micro-batches may keep batch statistics of their own.
      alarm_every: steps between measurements of the collapse alarm; 0 for none.
    """

    experiment: Experiment
    mesh: Mesh
    net: nn.Module
    tx: optax.GradientTransformation
    steps: int
    steps_per_epoch: int
    example: dict[str, jax.ShapeDtypeStruct]
    rules: sharding.Rules
    accumulate: int
    approximate: bool
    alarm_every: int

    def progress(self, step: jax.Array | int) -> Progress:
        """Progress at a step."""
        peak = self.experiment.optimizer.peak(self.experiment.batch_size)
        # In a sweep the peak is traced, and so is whether it is 0.
        known = not isinstance(peak, jax.Array)
        rate = self.learning_rate(step) / peak if not known or peak else 1.0
        return Progress(step, self.steps, self.steps_per_epoch, rate)

    def at(self, state: TrainState, key: jax.Array | None = None) -> Step:
        """The `Step` that a method's hooks receive at a state.

        Args:
          state: the state.
          key: PRNG key of the hook; None if it draws nothing.
        """
        progress = self.progress(state.step)
        return Step(self.net, state.params, state.stats, state.memory, key, progress)

    def initial_state(self, root: jax.Array, given: ArrayTree | None = None) -> TrainState:
        """The state before the first step, unsharded; a pure function of its arguments.

        Args:
          root: the run's key.
          given: replaces parts of the random initialisation; see `jssl.training.update.initialise`.

        Returns:
          The state.
        """
        method = self.experiment.method
        views_key, params_key, memory_key = jax.random.split(jax.random.fold_in(root, INIT), 3)
        batch = {
            name: jnp.zeros((2, *spec.shape), spec.dtype) for name, spec in self.example.items()
        }
        views = self.experiment.views(views_key, batch)
        drawn = initialise(
            method, self.net, views, params_key=params_key, memory_key=memory_key, given=given
        )
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=drawn.params,
            opt_state=self.tx.init(drawn.params),
            stats=drawn.batch_stats,
            memory=drawn.memory,
        )

    @functools.cached_property
    def abstract_state(self) -> TrainState:
        """Shapes, dtypes and shardings of the state, without computing it."""
        root = jax.eval_shape(lambda: jax.random.key(0))
        batch = {
            name: jax.ShapeDtypeStruct((2, *spec.shape), spec.dtype)
            for name, spec in self.example.items()
        }
        shapes = sizes.initialised(self.experiment, batch, self.initial_state, root)
        sizes.check_evaluation(self.experiment, batch, self._encode, shapes)
        check_accumulation(self.experiment.method, shapes.stats, self.accumulate, self.approximate)
        where = sharding.state_shardings(shapes, self.mesh, self.rules)
        return jax.tree.map(
            lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
            shapes,
            where,
        )

    @functools.cached_property
    def state_shardings(self) -> Any:
        """Pytree of `NamedSharding`, one a leaf of the state."""
        return jax.tree.map(lambda leaf: leaf.sharding, self.abstract_state)

    @functools.cached_property
    def views_per_step(self) -> int:
        """Augmented inputs in a global batch."""
        return self.experiment.views.count(self.example) * self.experiment.batch_size

    def root_key(self, seed: int) -> jax.Array:
        """The key of a run, on every device of the mesh."""
        everywhere = sharding.replicated(self.mesh)
        return jax.jit(lambda: jax.random.key(seed), out_shardings=everywhere)()

    def init(self, root: jax.Array, given: ArrayTree | None = None) -> TrainState:
        """The state before the first step, on the mesh; see `initial_state`."""
        return jax.jit(self.initial_state, out_shardings=self.state_shardings)(root, given)

    def train_step(
        self, state: TrainState, batch: ArrayTree, root: jax.Array
    ) -> tuple[TrainState, ArrayTree]:
        """One update; a pure function of its arguments.

        Args:
          state: the state.
          batch: name -> [B, ...], with "index" int32 [B].
          root: the run's key.

        Returns:
          (state, metrics): metrics name -> float32 scalar.
        """
        state, metrics, _ = traced_step(self, state, batch, root)
        return state, metrics

    def alarm_due(self, step: jax.Array | int) -> jax.Array | bool:
        """Whether the alarm measures in the step that follows `step` steps; always in the first."""
        done = step + 1
        return (done % self.alarm_every == 0) | (done == 1) | (done == self.steps)

    def measures(self, name: str, step: int) -> bool:
        """Whether a metric is measured in a step, counted from 1; the alarm's are not in each."""
        due = bool(self.alarm_every) and bool(self.alarm_due(step - 1))
        return due or not name.startswith(alarm.PREFIX)

    def learning_rate(self, step: jax.Array | int) -> jax.Array:
        """Learning rate of a step, float32 scalar."""
        return self._schedule(step)

    @functools.cached_property
    def _schedule(self) -> optax.Schedule:
        experiment = self.experiment
        return experiment.optimizer.schedule(
            experiment.batch_size, self.steps, self.steps_per_epoch
        )

    @functools.cached_property
    def encode(self) -> Any:
        """Compiled `(state, x [B, ...]) -> pooled features [B, D]`, what most evaluators see."""

        def pooled(state: TrainState, x: jax.Array) -> jax.Array:
            return self._encode(state, x).pooled

        return jax.jit(pooled, in_shardings=(self.state_shardings, None))

    def _encode(self, state: TrainState, x: jax.Array) -> Any:
        return self.experiment.method.encode(self.at(state), x)

    @functools.cached_property
    def step(self) -> Any:
        """Compiled `train_step(state, batch, root)`; the state's buffers are donated."""
        everywhere = sharding.replicated(self.mesh)
        return jax.jit(
            self.train_step,
            donate_argnums=0,
            in_shardings=(self.state_shardings, sharding.batch_sharding(self.mesh), everywhere),
            out_shardings=(self.state_shardings, everywhere),
        )

    @functools.cached_property
    def chunk(self) -> Any:
        """Compiled `(state, data, indices [K, B], count, root) -> (state, metrics [K])`.

        Runs `count` <= K steps on device-resident data without the host in between; metrics of the
        remaining steps are zero. The count is an argument of the program, so one compilation serves
        every chunk, and the chunk length does not change a bit of the result.
        """
        everywhere = sharding.replicated(self.mesh)
        return jax.jit(
            self.run_chunk,
            donate_argnums=0,
            in_shardings=(self.state_shardings, everywhere, everywhere, everywhere, everywhere),
            out_shardings=(self.state_shardings, everywhere),
        )

    def run_chunk(
        self,
        state: TrainState,
        data: ArrayTree,
        indices: jax.Array,
        count: jax.Array,
        root: jax.Array,
    ) -> tuple[TrainState, ArrayTree]:
        """What `chunk` compiles; a pure function of its arguments."""

        @jax.jit  # one trace, for the shapes of the records and for the loop
        def run(step: jax.Array, state: TrainState) -> tuple[TrainState, ArrayTree]:
            batch = sharding.constrain_batch(gather(data, indices[step]), self.mesh)
            return self.train_step(state, batch, root)

        return run_steps(run, state, count, len(indices))


def build(
    experiment: Experiment,
    example: dict[str, np.ndarray],
    length: int,
    mesh: Mesh,
    *,
    rules: sharding.Rules | None = None,
    accumulate: int = 1,
    approximate: bool = False,
    alarm_every: int = 1,
) -> Program:
    """Binds an experiment to data of a given length and to a mesh.

    Args:
      experiment: what to run.
      example: one example of the training split.
      length: examples in the training split.
      mesh: where to run; see `jssl.training.sharding.make_mesh`.
      rules: sharding rules of the state; by default FSDP where the mesh has such an axis.
      accumulate: micro-batches in a step.
      approximate: accept batch statistics of the micro-batch.
      alarm_every: steps between measurements of the collapse alarm; 0 for none. It changes no
        other number.

    Returns:
      The program; nothing is compiled yet.

    Raises:
      UserError: if the batch does not fit the data or the mesh, or the views do not fit the method.
    """
    sharding.check_batch(experiment.batch_size, mesh, accumulate)
    per_epoch = steps_per_epoch(length, experiment.batch_size)
    steps = max(round(experiment.epochs * per_epoch), 1)
    if steps >= 2**31:  # a step is an int32 on the device
        raise UserError(
            f"epochs is {experiment.epochs:g}, which are {steps:.3g} steps; a run has fewer than "
            f"2**31: choose at most {(2**31 - 1) // per_epoch} epochs"
        )
    if rules is None:
        rules = sharding.FSDP if mesh.shape["fsdp"] > 1 else sharding.REPLICATE
    specs = {
        name: jax.ShapeDtypeStruct(np.shape(value), np.asarray(value).dtype)
        for name, value in example.items()
    }
    specs["index"] = jax.ShapeDtypeStruct((), np.int32)
    method = experiment.method
    method.views.check(type(method).__name__, made_by(experiment.views, specs), experiment.encoder)
    return Program(
        experiment=experiment,
        mesh=mesh,
        net=experiment.method.net(experiment.encoder),
        tx=experiment.optimizer.build(experiment.batch_size, steps, per_epoch),
        steps=steps,
        steps_per_epoch=per_epoch,
        example=specs,
        rules=rules,
        accumulate=accumulate,
        approximate=approximate,
        alarm_every=alarm_every,
    )
