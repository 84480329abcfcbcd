"""The host's side of a run: chunks of steps, metrics behind the device, checkpoints, signals."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable, Iterator

import jax

from jssl.core.state import TrainState
from jssl.data.source import Splits
from jssl.errors import Collapsed, UserError
from jssl.health.monitor import HealthMonitor, grace_of
from jssl.logging.progress import Progress
from jssl.logging.writer import MetricsWriter, read_metrics
from jssl.plan import accounting
from jssl.runs import interrupt, lock
from jssl.runs.options import Options
from jssl.runs.run import Run, write_json
from jssl.training.batches import StepRunner
from jssl.training.checkpoint import Checkpoints
from jssl.training.step import Program

CHUNK = 64  # most steps in one device call
_CHUNK_SECONDS = 2.0  # a call is meant to last about this long, so that signals are heard

Probe = Callable[[Program, TrainState, Splits], dict[str, jax.Array]]


@dataclasses.dataclass
class HostLoop:
    """Calls the device in chunks of steps, and writes what comes back while it computes the next.

    A chunk ends where a checkpoint or a probe is due, or before a signal would wait long.
    """

    run_: Run
    options: Options
    program: Program
    splits: Splits
    runner: StepRunner
    checkpoints: Checkpoints
    writer: MetricsWriter
    progress: Progress
    probe: Probe | None
    monitor: HealthMonitor
    run_stats: accounting.RunStats
    cause: Callable[[int], str]
    guard: lock.Lock | None  # in the process that writes
    collapsed: str | None = None
    signal: int | None = None
    profiling: bool = False
    calls: int = 0
    pending: deque = dataclasses.field(default_factory=deque)
    probed: deque = dataclasses.field(default_factory=deque)

    def run(self, state: TrainState, step: int) -> TrainState:
        """Trains to the end, or to a signal; the last state is saved.

        Args:
          state: at `step`; its buffers are given away.
          step: steps done so far.

        Returns:
          The last state.

        Raises:
          UserError: when a metric stops being finite.
          Collapsed: if the alarm spoke and the run is to stop then.
        """
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
                count = min(count, until - step, CHUNK)
                with self._traced(step):
                    state, records = self.runner.advance(state, step, count)
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
                count = int(min(max(wanted, 1), 2 * count, CHUNK))
                if jax.process_count() > 1:  # processes measure different times; they must agree
                    count = CHUNK // 8
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
            row = {
                name: float(value[i])
                for name, value in values.items()
                if self.program.measures(name, step)
            }
            bad = [name for name, value in row.items() if not math.isfinite(value)]
            if bad:
                self.writer.write(step, row)
                raise UserError(self._not_finite(step, bad, row))
            if step % self.options.log_every == 0 or step in (1, self.program.steps):
                self.writer.write(step, row)
                self._check_health({"step": step, **row})
        self.run_stats.mark(first + count)
        self.progress.update(first + count, loss=values["loss"][count - 1])

    def _check_health(self, row: dict[str, float]) -> None:
        diagnoses = self.monitor.see(row)
        for diagnosis in diagnoses:
            self.progress.message(f"alarm: {diagnosis}")
        if diagnoses:
            self._note_alarms()
        if self.monitor.standing and self.options.on_collapse == "stop":
            self.collapsed = str(self.monitor.standing[0])

    def _note_alarms(self) -> None:
        if jax.process_index() == 0 and (self.monitor.alarms or self.run_.alarms.exists()):
            write_json(self.run_.alarms, self.monitor.record())

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


def monitor_of(run: Run, program: Program, start: int) -> HealthMonitor:
    """The run's health monitor, with what a resumed run has recorded so far."""
    schedule = program.experiment.optimizer
    warmup = round(schedule.warmup_epochs * program.steps_per_epoch)
    past = read_metrics(run.folder) if start and run.metrics.exists() else []
    past = [row for row in past if row["step"] <= start]
    return HealthMonitor(grace_of(program.steps, warmup), past, steps=program.steps)


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every if every else 2**62


watch_of = monitor_of
