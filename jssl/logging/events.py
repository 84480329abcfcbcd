"""TensorBoard event files, written in the calling thread.

tensorboardX writes from a background thread: on a full disk that thread ends with a traceback, and
the caller blocks forever once its queue is full. Here a failure is raised by the call.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from jssl.errors import Unwritable

_FLUSH_SECONDS = 30.0


class Events:
    """Writes scalars to a new event file.

    Args:
      folder: folder of the event files; created if missing.
      purge_step: TensorBoard discards the events of earlier files from this step on; None keeps
        all.

    Raises:
      Unwritable: if the file cannot be created.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._event = Event
        self._buffer = bytearray()
        self._flushed = time.monotonic()
        self._path = folder / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        except OSError as error:
            raise Unwritable(self._path, error) from error
        self._append(file_version="brain.Event:2")
        if purge_step is not None:
            self._append(step=purge_step, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Adds scalars; they are flushed within half a minute by further calls, or by `flush`.

        Args:
          step: the training step.
          scalars: values by name.

        Raises:
          Unwritable: if the file cannot be written.
        """
        from tensorboardX.summary import scalar

        for name, value in scalars.items():
            self._append(step=step, summary=scalar(name, value))
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes all buffered events to the file; raises `Unwritable` on failure."""
        data, self._buffer = bytes(self._buffer), bytearray()
        self._flushed = time.monotonic()
        write_all(self._file.fileno(), data, self._path)

    def close(self) -> None:
        """Flushes and closes the file; raises `Unwritable` on failure, after closing it."""
        try:
            self.flush()
        finally:
            self._file.close()

    def _append(self, **values: object) -> None:
        from tensorboardX.record_writer import masked_crc32c

        data = self._event(wall_time=time.time(), **values).SerializeToString()
        header = struct.pack("<Q", len(data))
        self._buffer += header + struct.pack("<I", masked_crc32c(header))
        self._buffer += data + struct.pack("<I", masked_crc32c(data))


def write_all(descriptor: int, data: bytes, path: Path) -> None:
    """Writes to a file descriptor, unbuffered.

    Args:
      descriptor: descriptor of the open file.
      data: the bytes to write.
      path: path of the file, for the error message.

    Raises:
      Unwritable: if the disk is full or the write fails otherwise.
    """
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError as error:
        raise Unwritable(path, error) from error
