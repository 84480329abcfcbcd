"""The host loop of a sweep: folders, metrics, checkpoints and alarms of many runs at once."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.core.intervals import mean_interval, plus_minus
from jssl.core.state import TrainState
from jssl.core.table import Table
from jssl.data.device import DeviceData, fits
from jssl.data.order import batch_indices
from jssl.data.source import Splits
from jssl.errors import Interrupted, UserError
from jssl.evaluation.online import OnlineProbe
from jssl.logging.writer import MetricsWriter, put_aside
from jssl.runs import identity, interrupt, lock
from jssl.runs.host_loop import watch_of
from jssl.runs.run import Run, default_folder, write_json
from jssl.studies.batched_runs import (
    How,
    Member,
    Together,
    experiments,
    groups,
    numbers,
    part,
    stack,
)
from jssl.training import sharding
from jssl.training.checkpoint import Checkpoints
from jssl.training.step import Program, build

_CHUNK = 64
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a sweep is carried out.

    Attributes:
      devices: how many; None for all.
      how: see `jssl.studies.batched_runs.Together`.
      log_every: steps between records.
      checkpoint_every: steps between checkpoints; None for ten in a run.
      chunk: most steps in one device call.
      stop_at: stop after this step; the same sweep goes on from there.
      probe: whether the features are probed at the end, on the validation split.
      accept_changes: see `jssl.runs.run.Run`.
    """

    devices: int | None = None
    how: How = "auto"
    log_every: int = 10
    checkpoint_every: int | None = None
    chunk: int = _CHUNK
    stop_at: int | None = None
    probe: bool = True
    accept_changes: bool = False


def sweep(
    experiment: Experiment,
    points: Sequence[tuple[str, ...]],
    seeds: Sequence[int],
    folder: Path | None,
    options: Options,
    *,
    overrides: tuple[str, ...] = (),
    say: Say = print,
) -> Table:
    """Trains every point of a grid with every seed.

    Args:
      experiment: with `overrides` applied.
      points: see `jssl.studies.batched_runs.grid`.
      seeds: of the runs.
      folder: the runs' folders go in there; None for those that `jssl train` would use.
      options: how it is carried out.
      overrides: assignments that all runs share.
      say: prints a line.

    Returns:
      A row for each point: means over seeds and their 95 % intervals.

    Raises:
      UserError: for data that does not fit the device, or a folder of another run.
    """
    experiments(experiment, [Member(point, 0) for point in points])  # refused before any work
    splits = experiment.data.load()
    if not fits(splits.train):
        raise UserError(
            "a sweep shares one copy of the data on the device, and this split is too large for "
            "that: run its members with jssl train"
        )
    program = _program(experiment, splits, options)
    apart, static = groups(program, points)
    if len(apart) > 1:
        say(
            f"{', '.join(static)}: not a number that a compiled step can take as an argument, so "
            f"{len(apart)} programs run one after the other"
        )
    found: dict[int, list[dict[str, float]]] = {}
    for places in apart:
        members = [Member(points[place], seed) for place in places for seed in seeds]
        results = _together(experiment, members, splits, folder, options, overrides, say)
        for i, place in enumerate(places):
            found[place] = results[i * len(seeds) : (i + 1) * len(seeds)]
    return _table(points, [found[place] for place in range(len(points))], len(seeds))


def _program(experiment: Experiment, splits: Splits, options: Options) -> Program:
    return build(
        experiment,
        splits.train[0],
        len(splits.train),
        sharding.make_mesh(1),
        alarm_every=options.log_every,
    )


def _together(
    experiment: Experiment,
    members: Sequence[Member],
    splits: Splits,
    folder: Path | None,
    options: Options,
    shared: tuple[str, ...],
    say: Say,
) -> list[dict[str, float]]:
    runs = []
    for member in members:
        overrides = (*shared, *member.overrides)
        place = default_folder(experiment.name, member.seed, overrides)
        if folder is not None:
            place = folder / place.name
        changed = override(experiment, *member.overrides)
        runs.append(
            Run(changed, member.seed, place, overrides, accept_changes=options.accept_changes)
        )
    # All members of a group have the same form; the first one's numbers are replaced in each.
    program = _program(runs[0].experiment, splits, options)
    values = [numbers(experiment, member.overrides) for member in members]
    varied = {path: [row[path] for row in values] for path in values[0]}
    seeds = [member.seed for member in members]
    together = Together(program, varied, seeds, how=options.how, devices=options.devices)
    say(
        f"{len(runs)} runs as one program ({together.how}) on {together.mesh.size} device(s): "
        f"{program.steps} steps each, global batch {program.experiment.batch_size}"
    )
    data, execution = identity.data_of(splits), identity.execution_of()
    with contextlib.ExitStack() as locks:
        for run in runs:
            standing = identity.check(run, data, execution, training=True, say=say)
            locks.enter_context(lock.hold(run.folder, say=say))
            run.open(mesh={"data": 1, "fsdp": 1}, steps=program.steps, **standing.now)
            identity.note(run, standing, training=True)
        return _Sweep(together, runs, splits, options, say).run()


class _Sweep:
    def __init__(
        self, together: Together, runs: list[Run], splits: Splits, options: Options, say: Say
    ) -> None:
        self.together, self.runs, self.splits, self.options = together, runs, splits, options
        self.program = together.program
        self.say = say
        self.failed: dict[int, str] = {}
        self.last: list[dict[str, float]] = [{} for _ in runs]

    def run(self) -> list[dict[str, float]]:
        end = min(self.program.steps, self.options.stop_at or self.program.steps)
        save_every = self.options.checkpoint_every or min(max(self.program.steps // 10, 1), 1000)
        with contextlib.ExitStack() as stack_:
            self.checkpoints = [Checkpoints(run.checkpoints) for run in self.runs]
            for checkpoints in self.checkpoints:
                stack_.enter_context(checkpoints)
            states, step = self._restore()
            for run in self.runs if step == 0 else ():
                lost = put_aside(run.folder)
                if lost is not None:
                    self.say(f"warning: {lost}")
            self.watches = [watch_of(run, self.program, step) for run in self.runs]
            self.writers = [
                stack_.enter_context(MetricsWriter(run.folder, resume_step=step))
                for run in self.runs
            ]
            arrays = DeviceData.load(self.splits.train).arrays
            data = self.together.place(arrays)
            length = len(next(iter(arrays.values())))
            pending: tuple[int, int, Any] | None = None
            stop = stack_.enter_context(interrupt.requests())
            while step < end and not stop.requested:
                until = min((step // save_every + 1) * save_every, end)
                count = min(self.options.chunk, until - step)
                indices = self._indices(step, count, length)
                states, metrics = self.together.chunk(
                    *(states, data, indices, np.int32(count)),
                    *(self.together.values, self.together.roots),
                )
                if pending is not None:
                    self._record(*pending)
                pending = (step, count, metrics)
                step += count
                if step == until:
                    self._record(*pending)
                    pending = None
                    self._save(states)
            if pending is not None:
                self._record(*pending)
                self._save(states)
            if step >= self.program.steps and self.options.probe:
                self._probe(states)
        if stop.signal is not None:
            raise Interrupted(
                f"the sweep was interrupted and is saved at step {step} of {self.program.steps}; "
                "the same command goes on from there",
                stop.signal,
            )
        for i, words in self.failed.items():
            self.say(f"{self.runs[i].folder}: {words}")
        return self.last

    def _indices(self, step: int, count: int, length: int) -> np.ndarray:
        size = self.program.experiment.batch_size
        indices = np.zeros((self.options.chunk, len(self.runs), size), np.int32)
        for k in range(count):
            for i, run in enumerate(self.runs):
                indices[k, i] = batch_indices(run.seed, step + k, length, size)
        return indices

    def _restore(self) -> tuple[TrainState, int]:
        """The states at the newest step that every run has; a run that failed stays where it is."""
        common = set.intersection(*(set(found.steps()) for found in self.checkpoints))
        if not common:
            return self.together.init(), 0
        step = max(common)
        states = []
        for checkpoints in self.checkpoints:
            state, _ = checkpoints.restore(self.program.abstract_state, step)
            states.append(jax.device_get(state))
        self.say(f"resumed at step {step} of {self.program.steps}")
        return jax.device_put(stack(states), self.together.shardings), step

    def _save(self, states: TrainState) -> None:
        home = jax.devices()[0]
        for i, checkpoints in enumerate(self.checkpoints):
            if i not in self.failed:
                checkpoints.save(jax.device_put(part(states, i), home))

    def _record(self, first: int, count: int, metrics: Any) -> None:
        values = {name: np.asarray(value) for name, value in metrics.items()}
        for k in range(count):
            step = first + k + 1
            logged = step % self.options.log_every == 0 or step in (1, self.program.steps)
            for i in range(len(self.runs)):
                if i in self.failed:
                    continue
                row = {
                    name: float(value[k, i])
                    for name, value in values.items()
                    if self.program.measures(name, step)
                }
                bad = [name for name, value in row.items() if not math.isfinite(value)]
                if bad:
                    self.failed[i] = f"{', '.join(bad)} stopped being finite at step {step}"
                elif not logged:
                    continue
                self.writers[i].write(step, row)
                self.last[i] = {"step": step, "loss": row["loss"]}
                if not bad:
                    self._judge(i, {"step": step, **row})

    def _judge(self, i: int, row: dict[str, float]) -> None:
        for verdict in self.watches[i].see(row):
            self.say(f"{self.runs[i].folder}: alarm: {verdict}")
        if self.watches[i].alarms or self.runs[i].alarms.exists():
            write_json(self.runs[i].alarms, self.watches[i].record())

    def _probe(self, states: TrainState) -> None:
        if "label" not in self.splits.train[0]:
            return
        probe = OnlineProbe(("knn",))
        for i in range(len(self.runs)):
            if i in self.failed:
                continue
            state = jax.device_put(part(states, i), self.program.state_shardings)
            found = probe(self.program, state, self.splits)
            numbers_ = {name: float(value) for name, value in found.items()}
            self.writers[i].write(self.program.steps, numbers_)
            self.last[i] |= numbers_


def _table(
    points: Sequence[tuple[str, ...]], results: Sequence[list[dict[str, float]]], seeds: int
) -> Table:
    names = sorted({name for rows in results for row in rows for name in row} - {"step", "loss"})
    rows = []
    for point, found in zip(points, results, strict=True):
        cells = [interval([row[name] for row in found if name in row]) for name in ("loss", *names)]
        rows.append((", ".join(point) or "as it is", *cells))
    return Table(
        header=("setting", "last loss", *names),
        rows=tuple(rows),
        notes=(
            f"mean over {seeds} seed(s), with half the width of its 95 % interval (Student's t)",
        ),
    )


def interval(values: Sequence[float]) -> str:
    """Mean and half the 95 % interval of a sample, as text."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) != len(values) or not finite:
        return f"{len(values) - len(finite)} of {len(values)} not finite" if values else "none"
    return plus_minus(*mean_interval(finite), digits=".4f")
