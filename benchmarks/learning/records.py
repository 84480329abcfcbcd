"""One record for a method, ground, seed and budget: training, read-outs and what they cost."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import jax

from benchmarks.learning.grounds import EXAMPLES, Ground
from benchmarks.learning.readouts import evaluations, readouts_of, scores
from jssl.config.experiment import load
from jssl.config.overrides import fingerprint
from jssl.evaluation import evaluating
from jssl.evaluation.record import Record
from jssl.runs.run import Run, command, hardware, versions, write_json
from jssl.studies.suite import train

FOLDER = Path(__file__).resolve().parents[2] / "results" / "learning"


def path_of(folder: Path, ground: str, method: str, seed: int, budget: int) -> Path:
    """Where a record lies."""
    return folder / f"{ground}.{method.replace('/', '.')}.budget{budget}.seed{seed}.json"


def identity(ground: Ground, method: str, seed: int, budget: int) -> str:
    """Changes with the experiment, the seed and every setting of the read-outs."""
    run = Run(ground.experiment(method, budget), seed, Path()).fingerprint
    read = {
        name: [dataclasses.asdict(one) for one in several]
        for name, several in evaluations(ground.name, method, seed).items()
    }
    return fingerprint({"run": run, "readouts": read, "examples": list(EXAMPLES)})


def judge(ground: Ground, method: str, seed: int, budget: int) -> dict[str, Any]:
    """Trains a method and reads it out.

    Args:
      ground: where.
      method: "family/name".
      seed: of the training, the labelled examples and the probes.
      budget: factor on the number of epochs.

    Returns:
      The record, of plain JSON types: "scores" by read-out and row, the "records" of all protocols
      behind them, and "seconds" and "core_seconds" by part.
    """
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        # Fine-tuning opens the run's folder again, so its experiment has to be a file.
        file = Path(folder) / "experiment.py"
        file.write_text(ground.source(method, budget))
        run = Run(load(str(file)), seed, Path(folder) / "run", trust=True, file=file)
        made = train(run, EXAMPLES)
        clock.lap("training")
        found, records = {}, {}
        for name, several in evaluations(ground.name, method, seed).items():
            measured = [evaluating.measure(made.run, made.subject, name, one) for one in several]
            clock.lap(name)
            found[name] = scores(measured)
            records[name] = [_record(one, method) for one in measured]
    splits = made.subject.splits
    return {
        "kind": "learning",
        "ground": ground.name,
        "method": method,
        "seed": seed,
        "budget": budget,
        "fingerprint": identity(ground, method, seed, budget),
        "encoder": type(made.run.experiment.encoder).__name__,
        "steps": made.subject.program.steps,
        "judged_by": list(readouts_of(method)),
        "scores": {name: rows for name, rows in found.items() if rows},
        "loss": [made.steps[0]["loss"], made.steps[-1]["loss"]],
        "alarms": made.alarms,
        "seconds": clock.seconds,
        "core_seconds": clock.core_seconds,
        "examples": [len(part) for part in (splits.train, splits.validation, splits.test)],
        "hardware": hardware(),
        "versions": versions(),
        "command": command(),
        "records": records,
    }


def work(ground: Ground, method: str, seed: int, budget: int, folder: Path = FOLDER) -> Path:
    """Makes the record of a run unless a fresh one exists; returns its path."""
    method = ground.case(method).method
    path = path_of(folder, ground.name, method, seed, budget)
    wanted = identity(ground, method, seed, budget)
    if path.exists() and json.loads(path.read_text())["fingerprint"] == wanted:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, judge(ground, method, seed, budget))
    jax.clear_caches()  # compiled programs of dozens of methods would fill the memory
    return path


def _record(one: Record, method: str) -> dict[str, Any]:
    """A protocol's record, named by the method instead of the temporary file."""
    return dataclasses.asdict(one) | {"run": {**one.run, "name": method}}


class _Clock:
    """Wall-clock and processor time of the parts of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.core_seconds: dict[str, float] = {}
        self._last = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        now = time.perf_counter(), time.process_time()
        self.seconds[name] = round(now[0] - self._last[0], 2)
        self.core_seconds[name] = round(now[1] - self._last[1], 2)
        self._last = now
