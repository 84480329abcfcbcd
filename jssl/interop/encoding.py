"""Encodes the examples of data with an encoder: read ahead by threads, batch after batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from jssl.data.source import Source, entry
from jssl.errors import UserError
from jssl.interop.encoder import Encoder
from jssl.training.sharding import batch_sharding, replicated

_AHEAD = 3  # batches that are read before they are needed

_Range = tuple[Source, int, int]  # examples [first, last + 1) of a source


class EncodingProgram:
    """The compiled encoder with its preprocessing, on a mesh.

    Args:
      encoder: the encoder.
      select: what is kept of `Encoder.encode`; see `jssl.interop.layers.select`.
      mesh: where it runs.
      workers: threads that read examples.
      example: the encoder's input of one example.
    """

    def __init__(
        self, encoder: Encoder, select: Callable, mesh: Any, workers: int, example: Any
    ) -> None:
        self.encoder, self.mesh, self.workers, self.example = encoder, mesh, workers, example
        self.rows = batch_sharding(mesh)
        everywhere = replicated(mesh)
        self.variables = jax.device_put(encoder.variables, everywhere)

        def run(variables: Any, x: Any) -> jax.Array:
            return jax.numpy.concatenate(select(encoder.encode(variables, x)), axis=-1)

        self._select = select
        self.run = jax.jit(run, in_shardings=(everywhere, self.rows), out_shardings=self.rows)

    def _input(self, size: int) -> Any:
        return jax.tree.map(
            lambda one: jax.ShapeDtypeStruct((size, *np.shape(one)), np.asarray(one).dtype),
            self.example,
        )

    def widths(self, device_batch: int) -> list[tuple[int, ...]]:
        """Shape of one example's features in each layer.

        Raises:
          UserError: the layers cannot be concatenated.
        """

        def run(variables: Any, x: Any) -> list[jax.Array]:
            return self._select(self.encoder.encode(variables, x))

        shapes = jax.eval_shape(run, self.encoder.variables, self._input(device_batch))
        if len({one.shape[:-1] for one in shapes}) > 1:
            raise UserError("the layers have different numbers of tokens: embed one at a time")
        return [tuple(one.shape[1:]) for one in shapes]

    def start(self, device_batch: int) -> None:
        """Compiles the program for a batch on each device."""
        size = device_batch * self.mesh.size
        self.compiled = self.run.lower(self.variables, self._input(size)).compile()

    def encode(
        self, todo: Sequence[_Range], device_batch: int
    ) -> Iterator[tuple[int, dict[str, np.ndarray] | None]]:
        """Encodes shards, one after the other, without a pause between them.

        Args:
          todo: (source, first example, last example + 1) of each shard.
          device_batch: examples on a device at a time.

        Yields:
          (examples fetched since the last yield, the shard if it is complete now, else None).
        """
        pending: deque[tuple[jax.Array, np.ndarray | None, int]] = deque()
        parts: dict[str, list[np.ndarray]] = {}
        waiting = [stop - start for _, start, stop in todo][::-1]

        def fetch() -> tuple[int, dict[str, np.ndarray] | None]:
            array, label, valid = pending.popleft()
            parts.setdefault("features", []).append(np.asarray(array)[:valid])
            if label is not None:
                parts.setdefault("label", []).append(label[:valid])
            waiting[-1] -= valid
            if waiting[-1]:
                return valid, None
            waiting.pop()
            whole = {name: np.concatenate(arrays) for name, arrays in parts.items()}
            parts.clear()
            return valid, whole

        for x, label, valid in self._read(todo, device_batch * self.mesh.size):
            placed = jax.tree.map(lambda leaf: jax.device_put(leaf, self.rows), x)
            pending.append((self.compiled(self.variables, placed), label, valid))
            if len(pending) > 1:
                yield fetch()
        while pending:
            yield fetch()

    def _read(
        self, todo: Sequence[_Range], size: int
    ) -> Iterator[tuple[Any, np.ndarray | None, int]]:
        """Batches of `size` examples, read ahead by threads; the last of a shard is filled up."""
        field = self.encoder.pipeline.field

        def read(source: Source, first: int, stop: int) -> tuple[Any, np.ndarray | None, int]:
            batch = source[np.minimum(np.arange(first, first + size), stop - 1)]
            label = batch.get("label")
            known = None if label is None else np.asarray(label)
            return entry(batch, field), known, min(size, stop - first)

        waiting: deque[Future] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for source, start, stop in todo:
                    for first in range(start, stop, size):
                        waiting.append(pool.submit(read, source, first, stop))
                        if len(waiting) > self.workers + _AHEAD:
                            yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
