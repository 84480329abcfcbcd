"""The two data paths, on the device and streamed, with identical results.

A data set that fits is kept on the device, and many steps run in one program; a larger one is
streamed from the host. Either way the batch of a step is a function of (seed, step) alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import jax
import numpy as np

from jssl.core.state import TrainState
from jssl.data.device import DeviceData, fits
from jssl.data.order import batch_indices
from jssl.data.source import Source
from jssl.data.stream import Stream
from jssl.training import sharding
from jssl.training.program import Program

IN_FLIGHT = 2  # steps that a stream sends ahead of the device

Records = Callable[[], dict[str, np.ndarray]]  # waits for the device, then name -> [steps]


class StepRunner(Protocol):
    """Advances a state over its data.

    Attributes:
      waited: seconds spent waiting for batches.
    """

    waited: float

    def advance(self, state: TrainState, step: int, count: int) -> tuple[TrainState, Records]:
        """Runs `count` steps from `step`, without waiting for the last of them."""
        ...

    def close(self) -> None:
        """Stops threads and processes."""
        ...


class DeviceRunner:
    """Data on the device in stored form (uint8 images stay uint8), no host between steps.

    Args:
      program: the compiled experiment.
      arrays: the whole training split, name -> [N, ...].
      seed: of the order.
      root: the run's key.
      chunk: most steps in one call.
    """

    def __init__(
        self,
        program: Program,
        arrays: dict[str, np.ndarray],
        seed: int,
        root: jax.Array,
        chunk: int,
    ) -> None:
        self.waited = 0.0
        self.program = program
        self.seed = seed
        self.root = root
        self.chunk = chunk
        self.length = len(next(iter(arrays.values())))
        self.data = sharding.put(arrays, sharding.replicated(program.mesh))

    def advance(self, state: TrainState, step: int, count: int) -> tuple[TrainState, Records]:
        """Runs `count` <= `chunk` steps in one program."""
        size = self.program.experiment.batch_size
        indices = np.zeros((self.chunk, size), np.int32)
        for i in range(count):
            indices[i] = batch_indices(self.seed, step + i, self.length, size)
        state, metrics = self.program.chunk(state, self.data, indices, np.int32(count), self.root)
        return state, lambda: {k: np.asarray(v)[:count] for k, v in metrics.items()}

    def close(self) -> None:
        """Does nothing."""


class StreamRunner:
    """Batches read ahead by Grain's workers, one program call a step.

    Args:
      program: the compiled experiment.
      source: the training split.
      seed: of the order.
      root: the run's key.
      start: first step.
      workers: decoding processes; 0 for threads.
    """

    def __init__(
        self,
        program: Program,
        source: Source,
        seed: int,
        root: jax.Array,
        start: int,
        workers: int,
    ) -> None:
        size = program.experiment.batch_size
        part = size // jax.process_count()
        first = jax.process_index() * part
        self.waited = 0.0
        self.program = program
        self.root = root
        self.stream = Stream(
            source,
            seed=seed,
            batch_size=size,
            start=start,
            stop=program.steps,
            workers=workers,
            rows=slice(first, first + part),
        )
        self.batches = iter(self.stream)

    def advance(self, state: TrainState, step: int, count: int) -> tuple[TrainState, Records]:
        """Runs `count` steps one after the other, at most a few ahead of the device.

        Each step ahead keeps its batch in device memory. Simulated CPU devices also share so few
        threads that many pending steps would occupy those that their collectives wait for.
        """
        del step  # the stream knows where it is
        records = []
        for _ in range(count):
            start = time.perf_counter()
            rows = next(self.batches)
            self.waited += time.perf_counter() - start
            batch = sharding.put_batch(rows, self.program.mesh)
            state, metrics = self.program.step(state, batch, self.root)
            records.append(metrics)
            if len(records) > IN_FLIGHT:
                jax.block_until_ready(records[-1 - IN_FLIGHT])
        return state, lambda: {k: np.stack([np.asarray(r[k]) for r in records]) for k in records[0]}

    def close(self) -> None:
        """Stops the workers."""
        self.stream.close()


def make_step_runner(
    program: Program,
    source: Source,
    *,
    seed: int,
    root: jax.Array,
    start: int,
    path: str,
    workers: int,
    chunk: int,
) -> StepRunner:
    """Chooses the data path by the size of the data.

    Args:
      program: the compiled experiment.
      source: the training split.
      seed: of the order.
      root: the run's key.
      start: first step.
      path: "device", "stream", or "auto", which uses the device if the data fits.
      workers: decoding processes of a stream.
      chunk: most steps in one call of the device path.

    Returns:
      A step runner.
    """
    if path == "device" or (path == "auto" and fits(source)):
        return DeviceRunner(program, DeviceData.load(source).arrays, seed, root, chunk)
    return StreamRunner(program, source, seed, root, start, workers)
