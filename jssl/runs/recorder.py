"""What a run keeps of the steps that the device has done: metrics, alarms and checkpoints."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import numpy as np

from jssl.core.state import TrainState
from jssl.errors import Collapsed, UserError
from jssl.health.monitor import HealthMonitor, grace_of
from jssl.logging.writer import MetricsWriter, read_metrics
from jssl.runs import lock
from jssl.runs.run import Run, write_json
from jssl.training.checkpoint import Checkpoints
from jssl.training.program import Program


class NotFinite(UserError):
    """A metric of a run stopped being finite."""


class Recorder(Protocol):
    """What the host loop hands the results of the steps to."""

    @property
    def stopped(self) -> bool:
        """Whether training is to end here."""
        ...

    def record(self, first: int, values: Mapping[str, np.ndarray]) -> float:
        """Records the metrics of the steps after `first`, name -> [steps, ...].

        Returns:
          The last loss, to be shown.
        """
        ...

    def probe(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Records what the online probe measured after `step` steps."""
        ...

    def save(self, state: TrainState) -> None:
        """Saves a state."""
        ...

    def check(self) -> None:
        """Raises `UserError` if what is recorded would be written to a folder of another run."""
        ...

    def finish(self, step: int) -> None:
        """Ends the records of a run that has come to a step."""
        ...


@dataclasses.dataclass
class RunRecorder:
    """The records of one run.

    Attributes:
      run: the run.
      program: its program.
      checkpoints: its checkpoints.
      writer: of its metrics.
      monitor: judges its metrics.
      log: prints a line.
      cause: step, from 1 -> why its metrics are not finite; "" if that is not known.
      log_every: steps between records.
      stop_on_collapse: whether the run is to end when the monitor makes a diagnosis.
      guard: the lock of the folder, in the process that writes.
      collapsed: the diagnosis that ended the run.
    """

    run: Run
    program: Program
    checkpoints: Checkpoints
    writer: MetricsWriter
    monitor: HealthMonitor
    log: Callable[[str], None]
    cause: Callable[[int], str]
    log_every: int
    stop_on_collapse: bool = False
    guard: lock.Lock | None = None
    collapsed: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether the run has collapsed and is to end then."""
        return self.collapsed is not None

    def record(self, first: int, values: Mapping[str, np.ndarray]) -> float:
        """Writes the metrics of the steps after `first`, and judges them.

        Args:
          first: steps done before.
          values: name -> [steps].

        Returns:
          The last loss.

        Raises:
          NotFinite: at the first step with a metric that is not finite; its row is written.
        """
        for i in range(len(values["loss"])):
            step = first + i + 1
            row = {
                name: float(value[i])
                for name, value in values.items()
                if self.program.measures(name, step)
            }
            bad = [name for name, value in row.items() if not math.isfinite(value)]
            if bad:
                self.writer.write(step, row)
                raise NotFinite(self._not_finite(step, bad, row))
            if step % self.log_every == 0 or step in (1, self.program.steps):
                self.writer.write(step, row)
                self._check_health({"step": step, **row})
        return float(values["loss"][-1])

    def probe(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Writes what the online probe measured, scalars by name."""
        self.writer.write(step, {name: float(value) for name, value in numbers.items()})

    def save(self, state: TrainState) -> None:
        """Saves a state; a write in the background."""
        self.checkpoints.save(state)

    def check(self) -> None:
        """Ends the run whose folder was removed, or taken by another run, before it writes more."""
        if self.guard is not None:
            self.guard.check()

    def finish(self, step: int) -> None:
        """Writes the alarms of a run that has come to a step.

        Raises:
          Collapsed: if the run is to end because of a diagnosis; the state is saved.
        """
        self._note_alarms()
        if self.collapsed is not None:
            self.checkpoints.finish()
            raise Collapsed(
                f"{self.collapsed}. The run was stopped and saved at step {step}; with "
                "--on-collapse warn the same command goes on"
            )

    def _check_health(self, row: dict[str, float]) -> None:
        diagnoses = self.monitor.see(row)
        for diagnosis in diagnoses:
            self.log(f"alarm: {diagnosis}")
        if diagnoses:
            self._note_alarms()
        if self.monitor.standing and self.stop_on_collapse:
            self.collapsed = str(self.monitor.standing[0])

    def _note_alarms(self) -> None:
        if jax.process_index() == 0 and (self.monitor.alarms or self.run.alarms.exists()):
            write_json(self.run.alarms, self.monitor.record())

    def _not_finite(self, step: int, bad: list[str], row: dict[str, float]) -> str:
        self.checkpoints.finish()
        kept = self.checkpoints.steps()
        where = f"the last good checkpoint is step {kept[-1]}" if kept else "no checkpoint yet"
        found = self.cause(step) or (
            "the batch of that step, its views and the parameters before it are finite, so the "
            f"step itself is at fault: `jssl replay {self.run.folder} --step {step}` names the "
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
