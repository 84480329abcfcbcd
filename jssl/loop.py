"""The host's side of a run: chunks of steps, metrics behind the device, checkpoints, signals."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from jssl import accounting, alarm, handover, identity, interrupt, lock, processes, sharding
from jssl.checkpoint import Checkpoints, CheckpointUnwritable
from jssl.data.source import Splits
from jssl.diagnosis import first_cause
from jssl.errors import Collapsed, Interrupted, Unwritable, UserError
from jssl.feed import Feed, make_feed
from jssl.reporting.progress import Progress
from jssl.reporting.writer import MetricsWriter, put_aside, read_metrics
from jssl.run import Run, write_json
from jssl.state import TrainState
from jssl.train import Program, build
from jssl.verdicts import Watch, grace_of

_CHUNK = 64  # most steps in one device call
_CHUNK_SECONDS = 2.0  # a call is meant to last about this long, so that signals are heard


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run is carried out. None of these changes a number of the run.

    Attributes:
      devices: how many; None for all.
      fsdp: size of the axis that parameters are sharded over.
      accumulate: micro-batches in a step.
      approximate_accumulation: let BatchNorm see micro-batches. (This one does change numbers.)
      data_path: "auto", "device" or "stream".
      workers: decoding processes of a stream.
      log_every: steps between records in `metrics.jsonl`.
      checkpoint_every: steps between checkpoints; None for ten in a run, at most 1000 apart.
      keep_last: newest checkpoints kept.
      keep_every: keep every checkpoint whose step is a multiple of this.
      probe_every: steps between probes on the validation split; None for five in a run, 0 for none.
      probes: which (see `jssl.evaluation.online`).
      stop_at: stop after this step, as if interrupted; None for the end.
      on_collapse: "warn" says so where a run shows that it learns nothing, "stop" ends it, "off"
        does not look.
      profile: write a trace of one device call, for XProf or Perfetto, into the run's folder.
    """

    devices: int | None = None
    fsdp: int = 1
    accumulate: int = 1
    approximate_accumulation: bool = False
    data_path: str = "auto"
    workers: int = 2
    log_every: int = 10
    checkpoint_every: int | None = None
    keep_last: int = 2
    keep_every: int | None = None
    probe_every: int | None = None
    probes: Sequence[str] = ("knn",)
    stop_at: int | None = None
    on_collapse: str = "warn"
    profile: bool = False


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


Tree = Any
Probe = Callable[[Program, TrainState, Splits], dict[str, jax.Array]]


def prepare(
    run: Run, options: Options, *, say: Callable[[str], None] = print
) -> tuple[Program, Splits]:
    """Loads the data and binds the experiment to it and to the mesh.

    Args:
      run: the run.
      options: how it is carried out.
      say: prints a line.

    Returns:
      (program, splits).

    Raises:
      UserError: for data, batch or mesh that do not fit, or data or code that are not those on the
        run's record.
    """
    run.check_folder()
    splits = run.experiment.data.load()
    identity.note(run, identity.check(run, identity.data_of(splits), None, say=say))
    return _bind(run, options, splits), splits


def _bind(run: Run, options: Options, splits: Splits) -> Program:
    mesh = sharding.make_mesh(options.devices, options.fsdp)
    return build(
        run.experiment,
        splits.train[0],
        len(splits.train),
        mesh,
        accumulate=options.accumulate,
        approximate=options.approximate_accumulation,
        alarm_every=0 if options.on_collapse == "off" else options.log_every,
    )


def fit(
    run: Run, options: Options, *, probe: Probe | None = None, say: Callable[[str], None] = print
) -> Finished:
    """Trains a run to its end, from its newest checkpoint if it has one.

    Args:
      run: the run.
      options: how it is carried out.
      probe: evaluates a state now and then; its numbers go into the metrics.
      say: prints a line.

    Returns:
      The last state, and whether the run is complete.

    Raises:
      UserError: on bad input, on a folder of another run, or when a metric stops being finite.
      Collapsed: if `options.on_collapse` is "stop" and the alarm spoke; the state is saved.
    """
    run.check_folder(metrics=True)
    splits = run.experiment.data.load()
    execution = identity.execution_of(options.accumulate, options.approximate_accumulation)
    standing = identity.check(run, identity.data_of(splits), execution, training=True, say=say)
    program = _bind(run, options, splits)
    shapes = program.abstract_state  # refuses what cannot work before anything is written
    given = handover.given(run, program, say=say)
    with contextlib.ExitStack() as stack:
        guard = processes.first(lambda: stack.enter_context(lock.hold(run.folder, say=say)))
        run.open(mesh=dict(program.mesh.shape), steps=program.steps, **standing.now)
        identity.note(run, standing, training=True)
        handover.keep(run, given)
        say(_summary(run, program))
        checkpoints = stack.enter_context(
            Checkpoints(run.checkpoints, keep_last=options.keep_last, keep_every=options.keep_every)
        )
        try:
            made = (run, options, program, splits, checkpoints, guard)
            return _train(*made, shapes, given, probe, say)
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
    shapes: TrainState,
    given: Any,
    probe: Probe | None,
    say: Callable[[str], None],
) -> Finished:
    root = program.root_key(run.seed)
    ledger = accounting.Ledger()
    with contextlib.ExitStack() as stack:
        stack.callback(ledger.forget)
        state, problems = checkpoints.restore(shapes)
        for problem in problems:
            say(f"warning: {problem}")
        first = jax.process_index() == 0
        if state is None:
            state = program.init(root, given)
            lost = put_aside(run.folder) if first else None
            if lost is not None:
                say(f"warning: {lost}")
        else:
            say(f"resumed at step {int(state.step)} of {program.steps}")
        start = int(state.step)
        feed = make_feed(
            program,
            splits.train,
            seed=run.seed,
            root=root,
            start=start,
            path=options.data_path,
            workers=options.workers,
            chunk=_CHUNK,
        )
        stack.callback(feed.close)
        writer = stack.enter_context(MetricsWriter(run.folder, resume_step=start, enabled=first))
        progress = stack.enter_context(
            Progress(
                program.steps, views_per_step=program.views_per_step, initial=start, enabled=first
            )
        )

        def before() -> Tree:
            if start:
                return checkpoints.restore(shapes, start)[0].params
            return program.init(root, given).params

        def cause(step: int) -> str:
            params = before if step == start + 1 else None
            return first_cause(program, splits.train, run.seed, root, step, params)

        loop = _Loop(
            *(run, options, program, splits, feed, checkpoints, writer, progress, probe),
            *(_watch(run, program, start), ledger, cause, guard),
        )
        state = loop.run(state, start)
        if first:
            accounts = ledger.close(program, waited=feed.waited)
            write_json(run.folder / accounting.FILE, accounts | {"first_step": start})
    return Finished(program, state, splits, int(state.step) >= program.steps, loop.signal)


@dataclasses.dataclass
class _Loop:
    run_: Run
    options: Options
    program: Program
    splits: Splits
    feed: Feed
    checkpoints: Checkpoints
    writer: MetricsWriter
    progress: Progress
    probe: Probe | None
    watch: Watch
    ledger: accounting.Ledger
    cause: Callable[[int], str]
    guard: lock.Lock | None  # in the process that writes
    collapsed: str | None = None
    signal: int | None = None
    profiling: bool = False
    calls: int = 0
    pending: deque = dataclasses.field(default_factory=deque)
    probed: deque = dataclasses.field(default_factory=deque)

    def run(self, state: TrainState, step: int) -> TrainState:
        end = self.program.steps
        if self.options.stop_at is not None:
            end = min(end, self.options.stop_at)
        save_every = self.options.checkpoint_every or min(max(self.program.steps // 10, 1), 1000)
        probe_every = self.options.probe_every
        if probe_every is None:
            probe_every = max(self.program.steps // 5, 1)
        if self.probe is None:
            probe_every = 0
        with interrupt.requests() as stop:
            if step == 0 and probe_every:  # where the encoder starts from
                self.probed.append((0, self.probe(self.program, state, self.splits)))
            count, clock = 1, time.perf_counter()
            while step < end and not stop.agreed():
                until = min(_next(step, save_every), _next(step, probe_every), end)
                count = min(count, until - step, _CHUNK)
                with self._traced(step):
                    state, records = self.feed.advance(state, step, count)
                    if self.profiling:
                        jax.block_until_ready(state.step)
                self.pending.append((step, count, records))
                step += count
                while len(self.pending) > 1:
                    self._record()
                stop.requested |= self.collapsed is not None
                self._check_folder()
                if step == end or step == _next(step - 1, save_every):
                    self._drain()
                    self.checkpoints.save(state)
                if probe_every and step == _next(step - 1, probe_every):
                    self.probed.append((step, self.probe(self.program, state, self.splits)))
                elapsed, clock = time.perf_counter() - clock, time.perf_counter()
                # Grow or shrink the next call towards its intended length.
                wanted = count * _CHUNK_SECONDS / max(elapsed, 1e-3)
                count = int(min(max(wanted, 1), 2 * count, _CHUNK))
                if jax.process_count() > 1:  # processes measure different times; they must agree
                    count = _CHUNK // 8
            self._drain()
            if step < end:
                self.checkpoints.save(state)
            jax.block_until_ready(state.step)
            self.signal = stop.signal
        self._note_alarms()
        if self.collapsed is not None:
            self.checkpoints.finish()
            raise Collapsed(
                f"{self.collapsed}. The run was stopped and saved at step {step}; with "
                "--on-collapse warn the same command goes on"
            )
        return state

    @contextlib.contextmanager
    def _traced(self, step: int) -> Iterator[None]:
        """Profiles the second call: the first one compiles."""
        self.calls += 1
        self.profiling = self.options.profile and self.calls == 2
        if not self.profiling:
            yield
            return
        folder = self.run_.folder / "profile"
        with jax.profiler.trace(str(folder)):
            yield
        self.progress.message(f"profile of the steps from {step}: {folder}")

    def _check_folder(self) -> None:
        """Ends the run whose folder was removed, or taken by another run, before it writes more."""
        if self.guard is not None:
            self.guard.check()

    def _drain(self) -> None:
        while self.pending:
            self._record()
        self._write_probes()

    def _write_probes(self, until: float = math.inf) -> None:
        """Fetches the numbers of probes up to a step, which wait for their place among the rows."""
        while self.probed and self.probed[0][0] <= until:
            step, numbers = self.probed.popleft()
            self.writer.write(step, {name: float(value) for name, value in numbers.items()})

    def _record(self) -> None:
        """Fetches the oldest chunk's metrics; the device is already busy with the next."""
        first, count, records = self.pending.popleft()
        self._write_probes(first)
        values = records()
        for i in range(count):
            step = first + i + 1
            due = self.program.alarm_every and self.program.alarm_due(step - 1)
            row = {
                name: float(value[i])
                for name, value in values.items()
                if due or not name.startswith(alarm.PREFIX)
            }
            bad = [name for name, value in row.items() if not math.isfinite(value)]
            if bad:
                self.writer.write(step, row)
                raise UserError(self._not_finite(step, bad, row))
            if step % self.options.log_every == 0 or step in (1, self.program.steps):
                self.writer.write(step, row)
                self._judge({"step": step, **row})
        self.ledger.mark(first + count)
        self.progress.update(first + count, loss=values["loss"][count - 1])

    def _judge(self, row: dict[str, float]) -> None:
        verdicts = self.watch.see(row)
        for verdict in verdicts:
            self.progress.message(f"alarm: {verdict}")
        if verdicts:
            self._note_alarms()
        if self.watch.standing and self.options.on_collapse == "stop":
            self.collapsed = str(self.watch.standing[0])

    def _note_alarms(self) -> None:
        if jax.process_index() == 0 and (self.watch.alarms or self.run_.alarms.exists()):
            write_json(self.run_.alarms, self.watch.record())

    def _not_finite(self, step: int, bad: list[str], row: dict[str, float]) -> str:
        self.checkpoints.finish()
        kept = self.checkpoints.steps()
        where = f"the last good checkpoint is step {kept[-1]}" if kept else "no checkpoint yet"
        found = self.cause(step) or (
            "the batch of that step, its views and the parameters before it are finite, so the "
            f"step itself is at fault: `jssl replay {self.run_.folder} --step {step}` names the "
            f"first layer that is not finite; a lower learning rate (now "
            f"{row['learning_rate']:.3g}) or a longer warm-up is the usual remedy"
        )
        return (
            f"{', '.join(bad)} stopped being finite at step {step} (loss {row['loss']}); {found}; "
            f"{where} in {self.checkpoints.folder}"
        )


def _watch(run: Run, program: Program, start: int) -> Watch:
    """The alarm's judge, with what a resumed run has recorded so far."""
    schedule = program.experiment.optimizer
    warmup = round(schedule.warmup_epochs * program.steps_per_epoch)
    past = read_metrics(run.folder) if start and run.metrics.exists() else []
    past = [row for row in past if row["step"] <= start]
    return Watch(grace_of(program.steps, warmup), past, steps=program.steps)


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every if every else 2**62


def _summary(run: Run, program: Program) -> str:
    experiment = run.experiment
    optimizer = experiment.optimizer
    return (
        f"{experiment.name} (seed {run.seed}): {program.steps} steps, global batch "
        f"{experiment.batch_size} on {program.mesh.size} device(s), {optimizer.name} at "
        f"{optimizer.peak(experiment.batch_size):.4g} (base {optimizer.learning_rate:g}, scaling "
        f"{optimizer.scaling}), folder {run.folder}"
    )
