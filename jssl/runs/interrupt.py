"""SIGTERM and Ctrl-C during a run: requests to save and exit, agreed on by all processes."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import jax
import numpy as np
from jax.experimental import multihost_utils


class Stop:
    """Whether the run was asked to stop, and by which signal."""

    requested = False
    signal: int | None = None  # the one that asked

    def agreed(self) -> bool:
        """Whether any process was asked to stop; all of them get the same answer."""
        if jax.process_count() == 1:
            return self.requested
        mine = np.asarray([self.requested, self.signal or 0])
        asked, number = multihost_utils.process_allgather(mine).max(axis=0)
        self.signal = int(number) or None
        return bool(asked)


@contextlib.contextmanager
def requests() -> Iterator[Stop]:
    """Turns SIGTERM and the first SIGINT into a request to save and exit.

    Yields:
      The request. A second signal raises `KeyboardInterrupt`.
    """
    stop = Stop()

    def request(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.signal is not None:
            raise KeyboardInterrupt
        stop.requested, stop.signal = True, number

    try:
        old = {number: signal.signal(number, request) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not in the main thread, e.g. inside a notebook's executor
        yield stop
        return
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
