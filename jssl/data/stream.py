"""Streaming of data sets that do not fit on the device, through Grain, one batch per step.

Grain's element is a step, not an example: the batch is then a function of (seed, step), a run
resumes by starting at a step, and no iterator state is saved.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import weakref
from collections.abc import Iterator
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from jssl.data.order import batch_indices, steps_per_epoch
from jssl.data.source import Batch, Source
from jssl.errors import UserError

_GRACE_SECONDS = 30.0
_ENDLESS = 1 << 40
_KILLED = re.compile(r"Worker process was terminated unexpectedly with exit code (-?\d+)")


class StepSource:
    """Batches by step: a Grain random-access source.

    Args:
      source: the examples.
      seed: of the run.
      batch_size: global batch size.
      rows: the part of each global batch that this process loads.

    Raises:
      UserError: when the batch is larger than the data.
    """

    def __init__(
        self, source: Source, seed: int, batch_size: int, rows: slice = slice(None)
    ) -> None:
        steps_per_epoch(len(source), batch_size)
        self.source, self.seed, self.batch_size = source, seed, batch_size
        self.rows = rows.indices(batch_size)  # slices pickle only from Python 3.12 on

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, step: Any) -> Batch:
        order = batch_indices(self.seed, int(step), len(self.source), self.batch_size)
        index = order[slice(*self.rows)]
        return {**self.source[index], "index": index.astype(np.int32)}


class Stream:
    """Iterates over batches from a step on, read ahead by threads or worker processes.

    Use it as a context manager or call ``close``: workers hold processes and shared memory.

    Args:
      source: the examples; must pickle when there are workers.
      seed: of the run.
      batch_size: global batch size.
      start: the step of the first batch.
      stop: the step after the last batch; None never ends.
      rows: the part of each global batch that this process loads, so that each host of a
        multi-process run decodes its own examples alone.
      workers: processes that decode; 0 decodes in threads of this process, which is enough for
        data in memory and for JPEGs up to a few cores (Pillow releases the interpreter's lock).
      threads: with ``workers=0``, the batches read at once.
      ahead: batches kept ready, by each worker where there are any.

    Raises:
      UserError: when the batch is larger than the data or a count is out of range.
    """

    def __init__(
        self,
        source: Source,
        seed: int,
        batch_size: int,
        *,
        start: int = 0,
        stop: int | None = None,
        rows: slice = slice(None),
        workers: int = 0,
        threads: int = 2,
        ahead: int = 2,
    ) -> None:
        import grain

        for name, value, least in (
            ("start", start, 0),
            ("workers", workers, 0),
            ("threads", threads, 1),
            ("ahead", ahead, 1),
        ):
            if value < least:
                raise UserError(f"a stream's {name} must be at least {least}, not {value}")
        _settle_flags()
        steps = StepSource(source, seed, batch_size, rows)
        count = (_ENDLESS if stop is None else stop) - start
        # Each worker runs the reads of its own steps one after another; its queue is the buffer.
        read = (
            grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
            if workers
            else grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(ahead, threads))
        )
        batches = grain.MapDataset.source(steps)[start : start + max(count, 0)]
        batches = batches.to_iter_dataset(read)
        if workers:
            options = grain.MultiprocessingOptions(
                num_workers=workers, per_worker_buffer_size=ahead
            )
            batches = batches.mp_prefetch(options, worker_init_fn=_start_worker)
        self._shared = workers > 0
        self._batches = [iter(batches)]
        # Also when a program forgets: at collection, and at exit before modules are torn down.
        self._close = weakref.finalize(self, _end, self._batches)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if not self._batches:
            raise StopIteration
        try:
            batch = next(self._batches[0])
        except RuntimeError as error:
            killed = _KILLED.search(str(error))
            if killed is None:
                raise
            raise UserError(_of_a_killed_worker(int(killed[1]))) from error
        if self._shared:  # a copy gives the worker its shared memory back at once
            return {key: np.array(value) for key, value in batch.items()}
        return batch

    def close(self) -> None:
        """Ends threads and workers; closing twice does nothing."""
        self._close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _of_a_killed_worker(code: int) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    return (
        f"a process that reads data {how} (where the memory runs out, the system kills one with "
        "signal 9): the run stops; with fewer --workers it takes less memory, and the same command "
        "goes on from the newest checkpoint"
    )


def _end(batches: list[Any]) -> None:
    while batches:
        batches.pop().close()


def _settle_flags() -> None:
    """Sets Grain's absl flags to their defaults in a program that does not parse absl flags.

    Grain reads them through absl, which refuses before flags were parsed. Only Grain's are
    touched: a program that does use absl still parses its own later.
    """
    from absl import flags

    if not flags.FLAGS.is_parsed():
        for name in list(flags.FLAGS):
            if name.startswith("grain_"):
                flags.FLAGS[name].present = max(flags.FLAGS[name].present, 1)


def _start_worker(index: int, count: int) -> None:
    """Initialises a worker process.

    A worker ends when its parent is killed (it would otherwise wait forever on a full queue) and
    shortly after a SIGTERM sent to the whole job, so that the parent has time to save. Ctrl-C is
    handled by the parent.
    """
    del index, count
    _settle_flags()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _exit_after(_GRACE_SECONDS))
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_after(seconds: float) -> None:
    # Not 0: Grain takes a worker that has ended with 0 for one that is still to come.
    timer = threading.Timer(seconds, os._exit, (128 + signal.SIGTERM,))
    timer.daemon = True
    timer.start()


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
