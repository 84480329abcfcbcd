"""Recomputes any training step, reports every intermediate value, and locates the first NaN.

A run is a function of its experiment and its seed, so any step can be recomputed from the nearest
earlier checkpoint or from the start.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.core.state import TrainState, paths
from jssl.data.order import batch_indices
from jssl.data.source import Source
from jssl.errors import UserError
from jssl.logging.writer import read_metrics
from jssl.nn import module as nn
from jssl.runs import warm_start
from jssl.runs.loop import Options
from jssl.runs.restoring import prepare
from jssl.runs.run import Run, read_record
from jssl.training import sharding
from jssl.training.batches import make_step_runner
from jssl.training.checkpoint import Checkpoints
from jssl.training.program import Program
from jssl.training.step import traced_step
from jssl.training.update import Trace

_CHUNK = 64
STAGES = Trace._fields  # what a step computes, in this order


@dataclasses.dataclass
class Rerun:
    """A run whose state can be recomputed at any step.

    Attributes:
      run: the run.
      program: its program, for the mesh it was trained on if enough devices are available.
      source: its training split.
      root: its key.
      seed: its seed.
    """

    run: Run
    program: Program
    source: Source
    root: jax.Array

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.run.seed

    @functools.cached_property
    def _runner(self) -> Any:
        options = {"path": "device", "workers": 0, "chunk": _CHUNK, "start": 0}
        return make_step_runner(
            self.program, self.source, seed=self.seed, root=self.root, **options
        )

    def saved_steps(self) -> list[int]:
        """Steps of the existing checkpoints."""
        folder = self.run.checkpoints
        if not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())

    def state_at(self, step: int) -> TrainState:
        """The state after `step` steps, from the nearest checkpoint at or before it.

        Args:
          step: optimizer steps done.

        Returns:
          The state.
        """
        before = [saved for saved in self.saved_steps() if saved <= step]
        if before:
            checkpoints = Checkpoints(self.run.checkpoints)
            try:
                state, _ = checkpoints.restore(self.program.abstract_state, before[-1])
            finally:
                checkpoints.close()
        else:
            state = self.program.init(self.root, warm_start.load(self.run, self.program))
        return self.advance(state, step)

    def advance(self, state: TrainState, step: int) -> TrainState:
        """Advances a state to a step; the old buffers are donated."""
        done = int(state.step)
        while done < step:
            count = min(_CHUNK, step - done)
            state, _ = self._runner.advance(state, done, count)
            done += count
        return state

    def batch(self, step: int) -> ArrayTree:
        """The global batch of the step that follows `step` steps, on the mesh."""
        size = self.program.experiment.batch_size
        index = batch_indices(self.seed, step, len(self.source), size)
        batch = {**self.source[index], "index": index.astype(np.int32)}
        return sharding.put(batch, sharding.batch_sharding(self.program.mesh))

    @functools.cached_property
    def _inspect(self) -> Any:
        return jax.jit(lambda *arguments: traced_step(self.program, *arguments)[2])

    def inspect(self, state: TrainState) -> Trace:
        """Everything that the next step computes, in the order of computation.

        Args:
          state: the state before the step.

        Returns:
          The trace of the train step.
        """
        batch = self.batch(int(state.step))
        return self._inspect(state, batch, self.root)._replace(batch=batch)


def reopen_for_rerun(run: Run, options: Options | None = None) -> Rerun:
    """Prepares a run for recomputing any of its steps.

    Args:
      run: the run; see `jssl.runs.run.reopen`.
      options: devices to use; None for the mesh it was trained on, or for one device if there are
        too few.

    Returns:
      The rerun.
    """
    options = options or Options()
    record = read_record(run.folder)
    mesh, execution = record.get("mesh", {}), record.get("execution", {})
    if execution.get("approximate_accumulation"):
        options = dataclasses.replace(
            options,
            accumulate=execution["approximate_accumulation"],
            approximate_accumulation=True,
        )
    if options.devices is None and mesh:
        count = mesh["data"] * mesh["fsdp"]
        here = count <= jax.device_count()
        options = dataclasses.replace(
            options, devices=count if here else 1, fsdp=mesh["fsdp"] if here else 1
        )
    program, splits = prepare(run, options)
    return Rerun(run, program, splits.train, program.root_key(run.seed))


@dataclasses.dataclass(frozen=True)
class Replayed:
    """The results of a replayed step.

    Attributes:
      step: which one, from 1.
      metrics: of the step.
      recorded: the line of `metrics.jsonl`, if the step was logged.
      norms: "stage/path of a leaf" -> (norm, share of values that are not finite).
      first_bad: the first leaf, in the order of computation, that is not finite; None if all are.
      module: the first module whose output is not finite, if there is one.
    """

    step: int
    metrics: dict[str, float]
    recorded: dict[str, float]
    norms: dict[str, tuple[float, float]]
    first_bad: str | None
    module: str | None

    def __str__(self) -> str:
        """A page of text."""
        lines = [f"step {self.step}"]
        for name, value in self.metrics.items():
            line = f"  {name:<28} {value:<14.7g}"
            if name in self.recorded:
                same = self.recorded[name] == value
                line += " as recorded" if same else f" recorded {self.recorded[name]:.7g}"
            lines.append(line)
        for stage in ("views", "outputs", "gradients", "updates"):
            lines.append(f"{stage} (norm of each leaf)")
            for name, (norm, bad) in self.norms.items():
                if name.startswith(stage):
                    note = f"  {100 * bad:.3g} % not finite" if bad else ""
                    lines.append(f"  {name.removeprefix(stage + '/'):<52} {norm:<12.6g}{note}")
        if self.first_bad is None:
            lines.append("every number of the step is finite")
        else:
            lines.append(f"first leaf that is not finite: {self.first_bad}")
            if self.module:
                lines.append(f"first module whose output is not finite: {self.module}")
        return "\n".join(lines)


def replay(run: Run, step: int, options: Options | None = None) -> Replayed:
    """Recomputes a step and inspects every value.

    Args:
      run: the run.
      step: which one, from 1.
      options: devices to use; None for those of the run.

    Returns:
      The results.

    Raises:
      UserError: if the run has no such step.
    """
    run.check_folder(metrics=True)
    rerun = reopen_for_rerun(run, options)
    if not 1 <= step <= rerun.program.steps:
        raise UserError(f"the run has the steps 1 to {rerun.program.steps}, and no step {step}")
    state = rerun.state_at(step - 1)
    trace = rerun.inspect(state)
    norms = {
        f"{stage}/{name}".rstrip("/"): _norm(leaf)
        for stage, tree in trace._asdict().items()
        for name, leaf in paths(tree).items()
    }
    before = {f"{part}/{name}": _norm(x) for part in ("params", "stats", "memory")
              for name, x in paths(getattr(state, part)).items()}  # fmt: skip
    bad = [f"{name} before the step" for name, (_, share) in before.items() if share]
    bad += [name for name, (_, share) in norms.items() if share]
    module = _first_bad_module(rerun, state, trace.views) if bad else None
    state, metrics = rerun.program.step(state, trace.batch, rerun.root)
    recorded = {}
    if run.metrics.exists():
        rows = [row for row in read_metrics(run.folder) if row["step"] == step and "loss" in row]
        recorded = rows[0] if rows else {}
    measured = {name for name in metrics if rerun.program.measures(name, step)}
    values = {name: float(metrics[name]) for name in metrics if name in measured}
    return Replayed(step, values, recorded, norms, bad[0] if bad else None, module)


def _norm(leaf: jax.Array) -> tuple[float, float]:
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        return float("nan") if not leaf.size else float(jnp.linalg.norm(leaf * 1.0)), 0.0
    values = np.asarray(leaf.astype(jnp.float32), np.float64)
    finite = np.isfinite(values)
    share = 1.0 - float(finite.mean()) if values.size else 0.0
    return float(np.sqrt(np.sum(np.square(values[finite])))), share


def _first_bad_module(rerun: Rerun, state: TrainState, views: ArrayTree) -> str | None:
    """Runs the networks without compilation and checks the output of each module."""
    found: list[str] = []

    def look(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        result = call(*args, **kwargs)
        leaves = [x for x in jax.tree.leaves(result) if isinstance(x, jax.Array)]
        concrete = [x for x in leaves if not isinstance(x, jax.core.Tracer)]
        if any(
            jnp.issubdtype(x.dtype, jnp.inexact) and not bool(jnp.isfinite(x).all())
            for x in concrete
        ):
            found.append("/".join(context.module.path) or type(context.module).__name__)
        return result

    with nn.intercept_methods(look):
        step = rerun.program.at(state, jax.random.key(0))
        rerun.program.experiment.method.forward(step, views)
    return found[0] if found else None
