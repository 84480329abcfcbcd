"""Further places that a run's metrics are sent to, beside its own files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from jssl.core.terminal import one_line


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What a sink is told of the run before its first metrics.

    Attributes:
      folder: the run's folder; it exists.
      name: the experiment's name.
      fingerprint: hash of everything that determines the results of the run.
      record: content of `run.json`: experiment, seed, overrides, versions, hardware.
      resume_step: the step of the restored state; 0 for a run that begins. Records of later steps
        were written before an interruption and are written again, with equal values.
    """

    folder: Path
    name: str
    fingerprint: str
    record: Mapping[str, Any]
    resume_step: int = 0


class Sink(Protocol):
    """Receives the metrics of one run, in the process that writes them, as they are recorded.

    An exception of any method disables the sink for the rest of the run, with a warning.
    """

    def open(self, run: RunFacts) -> None:
        """Called once, before the first `write`."""

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Receives values by name after `step` updates; a step may come in several parts."""

    def close(self) -> None:
        """Called once at the end, also of an interrupted run, if `open` returned."""


class Sinks:
    """Forwards metrics to several sinks, and drops a sink that fails.

    Args:
      sinks: sinks that have not been opened.
      run: what they are told of the run.
      warn: receives one sentence for each sink that fails.
    """

    def __init__(self, sinks: Sequence[Sink], run: RunFacts, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._open: list[Sink] = []
        for sink in sinks:
            if self._tried(sink, "opened", lambda sink=sink: sink.open(run)):
                self._open.append(sink)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Sends one record to every sink that has not failed."""
        self._open = [
            sink
            for sink in self._open
            if self._tried(sink, f"written at step {step}", lambda s=sink: s.write(step, scalars))
        ]

    def close(self) -> None:
        """Closes every sink that has not failed; a second call does nothing."""
        sinks, self._open = self._open, []
        for sink in sinks:
            self._tried(sink, "closed", sink.close)

    def _tried(self, sink: Sink, what: str, call: Callable[[], None]) -> bool:
        try:
            call()
        except Exception as error:
            words = one_line(f"{type(error).__name__}: {error}")[:300]
            self._warn(
                f"warning: the sink {type(sink).__name__} cannot be {what} ({words}); the run goes "
                "on without it, and its own files are complete"
            )
            return False
        return True
