"""The host's side of training: chunks of steps, metrics behind the device, checkpoints, signals.

One loop serves a single run and a sweep of many runs in one program: they differ in what runs the
steps (`StepRunner`) and in what keeps the results (`Recorder`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from jssl.core.state import TrainState
from jssl.logging.progress import Progress
from jssl.plan import accounting
from jssl.runs import interrupt
from jssl.runs.recorder import Recorder
from jssl.training.batches import StepRunner

CHUNK = 64  # most steps in one device call
_CHUNK_SECONDS = 2.0  # a call is meant to last about this long, so that signals are heard


@dataclasses.dataclass(frozen=True)
class Plan:
    """Where the loop stops and pauses.

    Attributes:
      end: the last step.
      save_every: steps between checkpoints.
      probe_every: steps between probes; 0 for none.
      profile: folder of a trace of the second device call; None for none.
    """

    end: int
    save_every: int
    probe_every: int = 0
    profile: Path | None = None


def plan(
    steps: int,
    *,
    stop_at: int | None,
    checkpoint_every: int | None,
    probe_every: int | None = 0,
    profile: Path | None = None,
) -> Plan:
    """A plan with the defaults of `jssl.runs.options.Options` filled in.

    Args:
      steps: of the whole run.
      stop_at: stop after this step; None for the end.
      checkpoint_every: None for ten checkpoints in a run, at most 1000 steps apart.
      probe_every: None for five probes in a run.
      profile: see `Plan`.

    Returns:
      The plan.
    """
    return Plan(
        end=steps if stop_at is None else min(steps, stop_at),
        save_every=checkpoint_every or min(max(steps // 10, 1), 1000),
        probe_every=max(steps // 5, 1) if probe_every is None else probe_every,
        profile=profile,
    )


@dataclasses.dataclass
class HostLoop:
    """Calls the device in chunks of steps, and records what comes back while it computes the next.

    A chunk ends where a checkpoint or a probe is due, or before a signal would wait long.
    """

    plan: Plan
    runner: StepRunner
    recorder: Recorder
    progress: Progress
    run_stats: accounting.RunStats
    probe: Callable[[TrainState], dict[str, jax.Array]] | None = None
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
        end, save_every = self.plan.end, self.plan.save_every
        probe_every = 0 if self.probe is None else self.plan.probe_every
        with interrupt.requests() as stop:
            if step == 0 and probe_every:  # where the encoder starts from
                self.probed.append((0, self.probe(state)))
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
                stop.requested |= self.recorder.stopped
                self.recorder.check()
                if step == end or step == _next(step - 1, save_every):
                    self._drain()
                    self.recorder.save(state)
                if probe_every and step == _next(step - 1, probe_every):
                    self.probed.append((step, self.probe(state)))
                elapsed, clock = time.perf_counter() - clock, time.perf_counter()
                # Grow or shrink the next call towards its intended length.
                wanted = count * _CHUNK_SECONDS / max(elapsed, 1e-3)
                count = int(min(max(wanted, 1), 2 * count, CHUNK))
                if jax.process_count() > 1:  # processes measure different times; they must agree
                    count = CHUNK // 8
            self._drain()
            if step < end:
                self.recorder.save(state)
            jax.block_until_ready(state.step)
            self.signal = stop.signal
        self.recorder.finish(step)
        return state

    @contextlib.contextmanager
    def _traced(self, step: int) -> Iterator[None]:
        """Profiles the second call: the first one compiles."""
        self.calls += 1
        self.profiling = self.plan.profile is not None and self.calls == 2
        if not self.profiling:
            yield
            return
        with jax.profiler.trace(str(self.plan.profile)):
            yield
        self.progress.message(f"profile of the steps from {step}: {self.plan.profile}")

    def _drain(self) -> None:
        while self.pending:
            self._record()
        self._write_probes()

    def _write_probes(self, until: float = math.inf) -> None:
        """Fetches the numbers of probes up to a step, which wait for their place among the rows."""
        while self.probed and self.probed[0][0] <= until:
            self.recorder.probe(*self.probed.popleft())

    def _record(self) -> None:
        """Fetches the oldest chunk's metrics; the device is already busy with the next."""
        first, count, records = self.pending.popleft()
        self._write_probes(first)
        loss = self.recorder.record(first, records())
        self.run_stats.mark(first + count)
        self.progress.update(first + count, loss=loss)


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every if every else 2**62
