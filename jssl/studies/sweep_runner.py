"""Carries out a sweep: many runs in the host loop of a single one, each with its own folder."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.core.intervals import mean_interval, plus_minus
from jssl.core.state import TrainState
from jssl.core.table import Table
from jssl.data.device import DeviceData, fits
from jssl.data.source import Splits
from jssl.errors import Interrupted, UserError
from jssl.evaluation.online import OnlineProbe
from jssl.logging.progress import Progress
from jssl.logging.writer import MetricsWriter, put_aside, read_metrics
from jssl.plan import accounting
from jssl.runs import identity, lock, sinks
from jssl.runs.diagnosis import first_cause
from jssl.runs.host_loop import HostLoop, plan
from jssl.runs.recorder import RunRecorder, monitor_of
from jssl.runs.run import Run, default_folder
from jssl.studies.batched_runs import (
    How,
    Member,
    Together,
    experiments,
    float_overrides,
    groups,
    part,
    stack,
)
from jssl.studies.sweep_steps import SweepRecorder, SweepSteps
from jssl.training import sharding
from jssl.training.checkpoint import Checkpoints
from jssl.training.program import Program, build

Log = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """How a sweep is carried out.

    Attributes:
      devices: how many; None for all.
      how: see `jssl.studies.batched_runs.Together`.
      log_every: steps between records.
      checkpoint_every: steps between checkpoints; None for ten in a run.
      stop_at: stop after this step; the same sweep goes on from there.
      probe: whether the features are probed at the end, on the validation split.
      accept_changes: see `jssl.runs.run.Run`.
      sinks: where the metrics of every run are sent as well, each a name, "file.py:Class" or class
        (see `jssl.runs.sinks.resolve`), of which every run gets an object of its own.
    """

    devices: int | None = None
    how: How = "auto"
    log_every: int = 10
    checkpoint_every: int | None = None
    stop_at: int | None = None
    probe: bool = True
    accept_changes: bool = False
    sinks: Sequence[str | type] = ()


def sweep(
    experiment: Experiment,
    points: Sequence[tuple[str, ...]],
    seeds: Sequence[int],
    folder: Path | None,
    options: Options,
    *,
    overrides: tuple[str, ...] = (),
    log: Log = print,
) -> Table:
    """Trains every point of a grid with every seed.

    Args:
      experiment: with `overrides` applied.
      points: see `jssl.studies.batched_runs.grid`.
      seeds: of the runs.
      folder: the runs' folders go in there; None for those that `jssl train` would use.
      options: how it is carried out.
      overrides: assignments that all runs share.
      log: prints a line.

    Returns:
      A row for each point: means over seeds and their 95 % intervals.

    Raises:
      UserError: for data that does not fit the device, a folder of another run, or a sink that
        cannot be made.
    """
    for sink in sinks.resolve(options.sinks):
        if sink in options.sinks:
            raise UserError(
                f"every run of a sweep has a sink of its own: give {type(sink).__name__}, the "
                "class, and not an object of it"
            )
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
        log(
            f"{', '.join(static)}: not a number that a compiled step can take as an argument, so "
            f"{len(apart)} programs run one after the other"
        )
    found: dict[int, list[dict[str, float]]] = {}
    for places in apart:
        members = [Member(points[place], seed) for place in places for seed in seeds]
        results = _together(experiment, members, splits, folder, options, overrides, log)
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
    log: Log,
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
    values = [float_overrides(experiment, member.overrides) for member in members]
    varied = {path: [row[path] for row in values] for path in values[0]}
    seeds = [member.seed for member in members]
    together = Together(program, varied, seeds, how=options.how, devices=options.devices)
    log(
        f"{len(runs)} runs as one program ({together.how}) on {together.mesh.size} device(s): "
        f"{program.steps} steps each, global batch {program.experiment.batch_size}"
    )
    data, execution = identity.data_of(splits), identity.execution_of()
    guards = []
    with contextlib.ExitStack() as locks:
        for run in runs:
            standing = identity.check(run, data, execution, training=True, log=log)
            guards.append(locks.enter_context(lock.hold(run.folder, log=log)))
            run.open(mesh={"data": 1, "fsdp": 1}, steps=program.steps, **standing.now)
            identity.note(run, standing, training=True)
        return _train(together, runs, guards, splits, options, log)


def _train(
    together: Together,
    runs: Sequence[Run],
    guards: Sequence[lock.Lock],
    splits: Splits,
    options: Options,
    log: Log,
) -> list[dict[str, float]]:
    """Trains runs to their end, from the newest step that all have; their last metrics."""
    program = together.program
    with contextlib.ExitStack() as stack_:
        checkpoints = [stack_.enter_context(Checkpoints(run.checkpoints)) for run in runs]
        states, step = _restore(together, checkpoints, log)
        recorders = []
        for i, run in enumerate(runs):
            lost = None if step else put_aside(run.folder)
            if lost is not None:
                log(f"warning: {lost}")
            recorders.append(
                RunRecorder(
                    run,
                    program,
                    checkpoints[i],
                    stack_.enter_context(
                        MetricsWriter(
                            run.folder,
                            resume_step=step,
                            sinks=functools.partial(
                                sinks.opened,
                                sinks.resolve(options.sinks),
                                run,
                                step,
                                functools.partial(_log_of, run, log),
                            ),
                        )
                    ),
                    monitor_of(run, program, step),
                    functools.partial(_log_of, run, log),
                    _cause(together, splits, checkpoints[i], i, run.seed, step),
                    options.log_every,
                    guard=guards[i],
                )
            )
        recorder = SweepRecorder(recorders)
        progress = stack_.enter_context(
            Progress(program.steps, views_per_step=program.views_per_step * len(runs), initial=step)
        )
        stats = accounting.RunStats()
        stack_.callback(stats.forget)
        steps = SweepSteps(
            together, DeviceData.load(splits.train).arrays, [run.seed for run in runs]
        )
        schedule = plan(
            program.steps, stop_at=options.stop_at, checkpoint_every=options.checkpoint_every
        )
        loop = HostLoop(schedule, steps, recorder, progress, stats)
        states = loop.run(states, step)
        step = int(states.step)
        if step >= program.steps and options.probe:
            _probe(program, recorder, states, splits)
    if loop.signal is not None:
        raise Interrupted(
            f"the sweep was interrupted and is saved at step {step} of {program.steps}; "
            "the same command goes on from there",
            loop.signal,
        )
    for i, words in recorder.failed.items():
        log(f"{runs[i].folder}: {words}")
    return [_last(run) for run in runs]


def _log_of(run: Run, log: Log, line: str) -> None:
    log(f"{run.folder}: {line}")


def _cause(
    together: Together, splits: Splits, checkpoints: Checkpoints, place: int, seed: int, start: int
) -> Callable[[int], str]:
    """Why a step of one run of a sweep is not finite; see `jssl.runs.diagnosis.first_cause`."""
    program = together.program

    def before() -> Any:
        if start:
            return checkpoints.restore(program.abstract_state, start)[0].params
        return part(together.init(), place).params

    def cause(step: int) -> str:
        params = before if step == start + 1 else None
        return first_cause(program, splits.train, seed, program.root_key(seed), step, params)

    return cause


def _restore(
    together: Together, checkpoints: Sequence[Checkpoints], log: Log
) -> tuple[TrainState, int]:
    """The states at the newest step that every run has; a run that failed stays where it is."""
    common = set.intersection(*(set(found.steps()) for found in checkpoints))
    if not common:
        return together.init(), 0
    step = max(common)
    states = [
        jax.device_get(found.restore(together.program.abstract_state, step)[0])
        for found in checkpoints
    ]
    log(f"resumed at step {step} of {together.program.steps}")
    return jax.device_put(stack(states), together.shardings), step


def _probe(program: Program, recorder: SweepRecorder, states: TrainState, splits: Splits) -> None:
    """Probes the features of each run on the validation split, unless that is on its record."""
    probe = OnlineProbe(("knn",))
    for i, run in recorder.alive():
        if set(_last(run.run)) > {"step", "loss"}:
            continue
        state = jax.device_put(part(states, i), program.state_shardings)
        found = probe(program, state, splits)
        if found:
            run.probe(program.steps, found)


def _last(run: Run) -> dict[str, float]:
    """ "step" and "loss" of a run's last record, and what a probe measured there."""
    found: dict[str, float] = {}
    for row in read_metrics(run.folder):
        if "loss" in row:
            found = {"step": row["step"], "loss": row["loss"]}
        else:
            found |= {name: value for name, value in row.items() if name not in ("step", "time")}
    return found


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
