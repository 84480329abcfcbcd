"""Writes metrics to `metrics.jsonl`, to TensorBoard event files and to the run's sinks."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jssl.errors import Unwritable, UserError
from jssl.logging.events import Events, write_all
from jssl.logging.sinks import Sinks

FILE = "metrics.jsonl"
EVENTS = "tensorboard"
# Strict JSON has no NaN or infinity: these strings are parsed by float().
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class MetricsWriter:
    """Appends one JSON line per record, and the same scalars to TensorBoard.

    Each line is passed to the operating system in full, unbuffered, so that a killed process loses
    at most the line it was writing. Opening the file repairs such a line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        resume_step: int | None = None,
        tensorboard: bool = True,
        enabled: bool = True,
        sinks: Callable[[], Sinks] | None = None,
    ) -> None:
        """Opens the run's metrics and keeps the records that remain valid.

        Args:
          folder: the run's folder; created if missing.
          resume_step: the step of the restored state: records of later steps are dropped, since
            those steps are run again; 0 drops all. None keeps all records.
          tensorboard: whether to write events as well, to `folder/tensorboard`.
          enabled: False turns every call into a no-op, for all processes but the first.
          sinks: opens further places that receive every record; called last.

        Raises:
          UserError: a line of metrics.jsonl other than the last is damaged.
          Unwritable: the folder cannot be written.
        """
        self._file = self._events = self._sinks = None
        if not enabled:
            return
        folder = Path(folder)
        self._path = path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                _repair(path, resume_step)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise Unwritable(path, error) from error
        if tensorboard:
            purge = None if resume_step is None else resume_step and resume_step + 1
            self._events = Events(folder / EVENTS, purge_step=purge)
        self._sinks = None if sinks is None else sinks()

    def write(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Writes one record.

        Args:
          step: number of completed updates.
          metrics: scalars by name (device arrays are fetched here). "step" and "time" (seconds
            since 1970) are added.

        Raises:
          Unwritable: if the disk is full or cannot be written.
        """
        if self._file is None:
            return
        scalars = {name: _scalar(value) for name, value in metrics.items()}
        record = {"step": int(step), "time": round(time.time(), 3), **scalars}
        line = json.dumps({k: _strict(v) for k, v in record.items()}, allow_nan=False)
        write_all(self._file.fileno(), (line + "\n").encode(), self._path)
        if self._events is not None:
            self._events.write(int(step), scalars)
        if self._sinks is not None:
            self._sinks.write(int(step), scalars)

    def flush(self) -> None:
        """Flushes TensorBoard events (metrics.jsonl is unbuffered)."""
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        """Closes the files and the sinks; a second call does nothing."""
        sinks, self._sinks = self._sinks, None
        if sinks is not None:
            sinks.close()
        events, self._events = self._events, None
        if self._file is not None:
            self._file.close()
            self._file = None
        if events is not None:
            events.close()

    def __enter__(self) -> Self:
        """Returns itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes all; an error of the block takes precedence over one of closing."""
        if kind is None:
            self.close()
            return
        with contextlib.suppress(Unwritable):
            self.close()


def read_metrics(path: Path) -> list[dict[str, float]]:
    """Reads the metrics of a run, in the order they were written.

    Args:
      path: the run's folder, or its metrics.jsonl.

    Returns:
      One dictionary per record: "step" int, "time" and the metrics float. A truncated last line is
      ignored.

    Raises:
      UserError: the file does not exist, or a line other than the last is damaged.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE
    if not path.is_file():
        raise UserError(
            f"there are no metrics at {path}: give the folder of a run that has trained"
        )
    return [record for record, _ in _parse(path)]


def put_aside(folder: Path) -> str | None:
    """Backs up the metrics of steps without a checkpoint before they are dropped.

    Args:
      folder: folder of a run that starts at step 0.

    Returns:
      A message that describes what was kept; None if no step was recorded.

    Raises:
      Unwritable: if the file cannot be renamed.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    steps = [record["step"] for record, _ in _parse(path)]
    if not steps or not max(steps):
        return None
    taken = len(list(path.parent.glob("metrics.before-*.jsonl")))
    kept = path.with_name(f"metrics.before-{taken + 1}.jsonl")
    try:
        path.rename(kept)
    except OSError as error:
        raise Unwritable(kept, error) from error
    return (
        f"{path} has records up to step {max(steps)}, but there is no checkpoint in {folder} (it "
        "was removed, or the run ended before the first one): training starts again at step 0, "
        f"and those records are kept in {kept.name}"
    )


def _repair(path: Path, resume_step: int | None) -> None:
    """Rewrites the file without its truncated last line and without the steps to be rerun."""
    before = path.read_bytes()
    kept = [
        line
        for record, line in _parse(path)
        if resume_step is None or (resume_step and record["step"] <= resume_step)
    ]
    after = b"".join(line + b"\n" for line in kept)
    if after != before:
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(after)
        partial.replace(path)


def _parse(path: Path) -> list[tuple[dict[str, float], bytes]]:
    # A record is complete only with its newline, even if its text parses ("1" of "12" is JSON).
    *lines, _torn = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            record = {k: _WORDS[v] if isinstance(v, str) else v for k, v in record.items()}
            if not all(isinstance(value, int | float) for value in record.values()):
                raise TypeError("a metric is a number")
            record["step"] = int(record["step"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            # After a power failure a truncated line may be followed by a newline.
            if number == len(lines):
                break
            raise UserError(
                f"line {number} of {path} is not a record of metrics: delete that line to go on"
            ) from None
        records.append((record, line))
    return records


def _scalar(value: Any) -> float | int:
    return value if type(value) is int else float(value)


def _strict(value: float | int) -> float | int | str:
    return value if math.isfinite(value) else str(float(value))
