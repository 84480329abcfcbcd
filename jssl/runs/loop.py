"""Training a run: its data, mesh and folder, its newest checkpoint, and the steps to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
from collections.abc import Callable, Sequence
from typing import Any

import jax

from jssl.core.state import TrainState
from jssl.data.source import Splits
from jssl.errors import Interrupted, Unwritable, UserError
from jssl.logging.progress import Progress
from jssl.logging.sinks import Sink
from jssl.logging.writer import MetricsWriter, put_aside
from jssl.plan import accounting
from jssl.runs import identity, lock, processes, warm_start
from jssl.runs.diagnosis import first_cause
from jssl.runs.host_loop import CHUNK, HostLoop, plan
from jssl.runs.options import Options
from jssl.runs.recorder import RunRecorder, monitor_of
from jssl.runs.restoring import bind
from jssl.runs.run import Run, write_json
from jssl.runs.sinks import opened, resolve
from jssl.training.batches import make_step_runner
from jssl.training.checkpoint import Checkpoints, CheckpointUnwritable
from jssl.training.program import Program

Probe = Callable[[Program, TrainState, Splits], dict[str, jax.Array]]


@dataclasses.dataclass(frozen=True)
class Finished:
    """What is left when the loop ends.

    Attributes:
      program: the compiled experiment.
      state: the last state.
      splits: the data.
      complete: False if the run was interrupted and can be resumed.
      signal: the one that asked the run to stop; None if none did.
    """

    program: Program
    state: TrainState
    splits: Splits
    complete: bool
    signal: int | None = None

    def require(self, what: str) -> None:
        """Raises `Interrupted` if the training of `what` did not come to its end."""
        if not self.complete or self.signal is not None:
            raise Interrupted(
                f"{what} was interrupted and is saved at step {int(self.state.step)}; the same "
                "command goes on from there",
                self.signal or signal.SIGINT,
            )


def fit(
    run: Run, options: Options, *, probe: Probe | None = None, log: Callable[[str], None] = print
) -> Finished:
    """Trains a run to its end, from its newest checkpoint if it has one.

    Args:
      run: the run.
      options: how it is carried out.
      probe: evaluates a state now and then; its numbers go into the metrics.
      log: prints a line.

    Returns:
      The last state, and whether the run is complete.

    Raises:
      UserError: on bad input, on a folder of another run, or when a metric stops being finite.
      Collapsed: if `options.on_collapse` is "stop" and the alarm spoke; the state is saved.
    """
    run.check_folder(metrics=True)
    sinks = resolve(options.sinks)
    splits = run.experiment.data.load()
    execution = identity.execution_of(options.accumulate, options.approximate_accumulation)
    standing = identity.check(run, identity.data_of(splits), execution, training=True, log=log)
    program = bind(run, options, splits)
    shapes = program.abstract_state  # refuses what cannot work before anything is written
    given = warm_start.load(run, program, log=log)
    with contextlib.ExitStack() as stack:
        guard = processes.first(lambda: stack.enter_context(lock.hold(run.folder, log=log)))
        run.open(mesh=dict(program.mesh.shape), steps=program.steps, **standing.now)
        identity.note(run, standing, training=True)
        warm_start.save(run, given)
        log(_summary(run, program))
        checkpoints = stack.enter_context(
            Checkpoints(run.checkpoints, keep_last=options.keep_last, keep_every=options.keep_every)
        )
        try:
            made = (run, options, program, splits, checkpoints, guard, sinks)
            return _train(*made, shapes, given, probe, log)
        except (Unwritable, CheckpointUnwritable) as error:
            if guard is not None:
                guard.check()  # a folder that is gone is not a disk that is full
            if isinstance(error, CheckpointUnwritable):
                raise
            raise UserError(f"{error} ({checkpoints.left()}") from error


def _train(
    run: Run,
    options: Options,
    program: Program,
    splits: Splits,
    checkpoints: Checkpoints,
    guard: lock.Lock | None,
    sinks: Sequence[Sink],
    shapes: TrainState,
    given: Any,
    probe: Probe | None,
    log: Callable[[str], None],
) -> Finished:
    root = program.root_key(run.seed)
    run_stats = accounting.RunStats()
    with contextlib.ExitStack() as stack:
        stack.callback(run_stats.forget)
        state, problems = checkpoints.restore(shapes)
        for problem in problems:
            log(f"warning: {problem}")
        first = jax.process_index() == 0
        if state is None:
            state = program.init(root, given)
            lost = put_aside(run.folder) if first else None
            if lost is not None:
                log(f"warning: {lost}")
        else:
            log(f"resumed at step {int(state.step)} of {program.steps}")
        start = int(state.step)
        runner = make_step_runner(
            program,
            splits.train,
            seed=run.seed,
            root=root,
            start=start,
            path=options.data_path,
            workers=options.workers,
            chunk=CHUNK,
        )
        stack.callback(runner.close)
        progress = stack.enter_context(
            Progress(
                program.steps, views_per_step=program.views_per_step, initial=start, enabled=first
            )
        )
        open_sinks = functools.partial(opened, sinks, run, start, progress.message)
        writer = stack.enter_context(
            MetricsWriter(run.folder, resume_step=start, enabled=first, sinks=open_sinks)
        )

        def before() -> Any:
            if start:
                return checkpoints.restore(shapes, start)[0].params
            return program.init(root, given).params

        def cause(step: int) -> str:
            params = before if step == start + 1 else None
            return first_cause(program, splits.train, run.seed, root, step, params)

        recorder = RunRecorder(
            *(run, program, checkpoints, writer, monitor_of(run, program, start)),
            *(progress.message, cause, options.log_every),
            stop_on_collapse=options.on_collapse == "stop",
            guard=guard,
        )
        schedule = plan(
            program.steps,
            stop_at=options.stop_at,
            checkpoint_every=options.checkpoint_every,
            probe_every=options.probe_every,
            profile=run.folder / "profile" if options.profile else None,
        )
        measure = None if probe is None else lambda state: probe(program, state, splits)
        loop = HostLoop(schedule, runner, recorder, progress, run_stats, measure)
        state = loop.run(state, start)
        if first:
            accounts = run_stats.close(program, waited=runner.waited)
            write_json(run.folder / accounting.FILE, accounts | {"first_step": start})
    return Finished(program, state, splits, int(state.step) >= program.steps, loop.signal)


def _summary(run: Run, program: Program) -> str:
    experiment = run.experiment
    optimizer = experiment.optimizer
    return (
        f"{experiment.name} (seed {run.seed}): {program.steps} steps, global batch "
        f"{experiment.batch_size} on {program.mesh.size} device(s), {optimizer.name} at "
        f"{optimizer.peak(experiment.batch_size):.4g} (base {optimizer.learning_rate:g}, scaling "
        f"{optimizer.scaling}), folder {run.folder}"
    )
