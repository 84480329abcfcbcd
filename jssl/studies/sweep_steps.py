"""The two parts of the host loop that a sweep has of its own: its steps, and its records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jssl.core.state import TrainState
from jssl.data.order import batch_indices
from jssl.runs.host_loop import CHUNK
from jssl.runs.recorder import NotFinite, RunRecorder
from jssl.studies.batched_runs import Together, part
from jssl.training.batches import Records


class SweepSteps:
    """The `StepRunner` of a sweep: all runs take a step on batches of their own.

    Args:
      together: the runs as one program.
      arrays: the whole training split, name -> [N, ...].
      seeds: of the runs.
    """

    def __init__(
        self, together: Together, arrays: dict[str, np.ndarray], seeds: Sequence[int]
    ) -> None:
        self.waited = 0.0
        self.together = together
        self.seeds = seeds
        self.data = together.place(arrays)
        self.length = len(next(iter(arrays.values())))

    def advance(self, state: TrainState, step: int, count: int) -> tuple[TrainState, Records]:
        """Runs `count` steps of all runs in one program; records are [count, runs]."""
        size = self.together.program.experiment.batch_size
        indices = np.zeros((CHUNK, len(self.seeds), size), np.int32)
        for k in range(count):
            for i, seed in enumerate(self.seeds):
                indices[k, i] = batch_indices(seed, step + k, self.length, size)
        state, metrics = self.together.chunk(
            *(state, self.data, indices, np.int32(count)),
            *(self.together.values, self.together.roots),
        )
        return state, lambda: {k: np.asarray(v)[:count] for k, v in metrics.items()}

    def close(self) -> None:
        """Does nothing."""


class SweepRecorder:
    """The records of many runs; one whose metrics stop being finite leaves the others alone.

    Args:
      runs: a recorder for each.
    """

    stopped = False

    def __init__(self, runs: Sequence[RunRecorder]) -> None:
        self.runs = runs
        self.failed: dict[int, str] = {}

    def alive(self) -> list[tuple[int, RunRecorder]]:
        """Places and recorders of the runs that have not failed."""
        return [(i, run) for i, run in enumerate(self.runs) if i not in self.failed]

    def record(self, first: int, values: Mapping[str, np.ndarray]) -> float:
        """Records metrics [steps, runs]; the mean loss of the runs that go on."""
        losses = []
        for i, run in self.alive():
            try:
                losses.append(run.record(first, {name: v[:, i] for name, v in values.items()}))
            except NotFinite as error:
                self.failed[i] = str(error)
        return float(np.mean(losses)) if losses else math.nan

    def probe(self, step: int, numbers: Mapping[str, Any]) -> None:
        """Writes numbers [runs] of a probe."""
        for i, run in self.alive():
            run.probe(step, {name: value[i] for name, value in numbers.items()})

    def save(self, state: TrainState) -> None:
        """Saves the state of each run, in the form of a single run."""
        home = jax.devices()[0]
        for i, run in self.alive():
            run.save(jax.device_put(part(state, i), home))

    def check(self) -> None:
        """Checks the folder of each run."""
        for _, run in self.alive():
            run.check()

    def finish(self, step: int) -> None:
        """Ends the records of each run."""
        for run in self.runs:
            run.finish(step)
