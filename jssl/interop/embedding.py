"""`jssl embed`: the features of every example of some data, streamed into a file in shards."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jssl import __version__
from jssl.data.source import Source, Splits, entry, paths_of
from jssl.errors import MALFORMED, Interrupted, UserError, nearest
from jssl.interop import layers as layer_names
from jssl.interop.encoder import Encoder
from jssl.interop.feature_files import check_name, write_features
from jssl.logging.progress import Progress, quantity
from jssl.runs import identity, interrupt
from jssl.runs.run import write_json
from jssl.training.sharding import batch_sharding, make_mesh, replicated

PARTS = ("train", "validation", "test")
DEVICE_BATCH = 64
_SHARD = 2048  # examples, at least; a shard is what a killed command repeats at most
_SHARD_BYTES = 256 << 20  # of features
_AHEAD = 3  # batches that are read before they are needed

_Range = tuple[Source, int, int]  # examples [first, last + 1) of a source


@dataclasses.dataclass(frozen=True)
class Embedded:
    """What `embed` did.

    Attributes:
      path: the file.
      shape: of its features.
      computed: examples that this call encoded; fewer than `shape[0]` if it went on with earlier
        shards.
      seconds: spent on these, without compilation.
      metadata: as written.
    """

    path: Path
    shape: tuple[int, ...]
    computed: int
    seconds: float
    metadata: Mapping[str, Any]

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape[1:]))
        pace = f", {quantity(self.computed / self.seconds)} a second" if self.seconds else ""
        return f"{self.path}: {self.shape[0]} examples, {size} features each{pace}"


def embed(
    encoder: Encoder,
    data: Splits,
    out: str | Path,
    *,
    split: str = "train",
    layers: Sequence[str] = (layer_names.LAST,),
    pool: str | None = None,
    device_batch: int = DEVICE_BATCH,
    devices: int | None = None,
    workers: int = 2,
    say: Callable[[str], None] = print,
) -> Embedded:
    """Writes the features of a split to a file.

    Finished shards are kept in a folder beside the file until it is complete; the same call goes on
    from them after an interruption, and gives the same file. Every device encodes `device_batch`
    examples at a time, whatever the number of devices, so that this does not change the features.

    Args:
      encoder: see `jssl.interop.encoder.load_encoder`.
      data: the splits.
      out: path of the file, ending in `.parquet` or `.npy` (metadata in a `.json` beside it).
      split: "train", "validation", "test", or "all" for one after the other.
      layers: see `jssl.interop.layers.select`; several are concatenated.
      pool: see `jssl.interop.layers.select`.
      device_batch: examples on a device at a time.
      devices: how many; None for all.
      workers: threads that read examples.
      say: prints a line.

    Returns:
      What was written. The metadata hold "weights" (fingerprint, source), "data" (name,
      fingerprint and number of examples of each split, classes), "layers" (name and width), "pool".

    Raises:
      UserError: the data do not fit the encoder, there is no such layer or split, or shards of
        another embedding are there.
      Interrupted: Ctrl-C or SIGTERM; finished shards are kept.
    """
    out = Path(out)
    check_name(out)
    if jax.process_count() > 1:
        raise UserError("jssl embed runs in one process, on all of its devices")
    for name, value in (("--device-batch", device_batch), ("--workers", workers)):
        if value < 1:
            raise UserError(f"{name} is a number from 1 up, not {value}")
    if split not in (*PARTS, "all"):
        raise UserError(f"there is no split {split!r}: {nearest(split, (*PARTS, 'all'))}")
    chosen = PARTS if split == "all" else (split,)
    sources = {part: getattr(data, part) for part in chosen if len(getattr(data, part))}
    if not sources:
        raise UserError(f"the split {split} of {data.name} is empty: there is nothing to encode")
    check_fits(encoder, next(iter(sources.values()))[0], data.name)
    mesh = make_mesh(devices)
    example = entry(next(iter(sources.values()))[0], encoder.pipeline.field)
    chosen_layers = layer_names.select(encoder.module, layers, pool)
    program = _Program(encoder, chosen_layers, mesh, workers, example)
    widths = program.widths(device_batch)
    shape = (sum(map(len, sources.values())), *widths[0][:-1], sum(width[-1] for width in widths))
    prints = identity.data_of(data)
    metadata = {
        "version": __version__,
        "weights": {
            "fingerprint": encoder.fingerprint,
            "source": encoder.source,
            **encoder.facts,
        },
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            "splits": {part: prints[part] for part in sources},
        },
        "layers": [
            {"name": name, "width": width[-1]} for name, width in zip(layers, widths, strict=True)
        ],
        "pool": pool or "default",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    shards = _Shards(out, {**metadata, "device_batch": device_batch}, sources, shape)
    done = sum(stop - start for _, start, stop in shards.plan[: shards.finished])
    if done:
        say(f"going on after {done} of {shape[0]} examples, from the shards in {shards.folder}")
    stopped, number = None, shards.finished
    todo = [(sources[part], start, stop) for part, start, stop in shards.plan[number:]]
    progress = Progress(shape[0], views_per_step=1, initial=done, unit="example", rate="examples")
    with interrupt.requests() as stop, progress:
        if todo:
            program.start(device_batch)
        begun = time.monotonic()
        for count, rows in program.encode(todo, device_batch):
            done += count
            progress.update(done)
            if rows is not None:
                shards.save(number, rows)
                number += 1
            if stop.requested and number < len(shards.plan):
                stopped, done = stop.signal, sum(b - a for _, a, b in shards.plan[:number])
                break
    if stopped is not None:
        raise Interrupted(
            f"interrupted; {done} of {shape[0]} examples are kept in {shards.folder}, and the same "
            "command goes on from there",
            stopped,
        )
    seconds = time.monotonic() - begun
    computed = shape[0] - sum(b - a for _, a, b in shards.plan[: shards.finished])
    write_features(out, shards.features(), shape, shards.columns(sources), metadata)
    shutil.rmtree(shards.folder)
    return Embedded(out, shape, computed, seconds if computed else 0.0, metadata)


def check_fits(encoder: Encoder, example: Mapping[str, Any], name: str) -> None:
    """Refuses data whose examples the encoder cannot take.

    Raises:
      UserError: the field is missing, or its axes or channels are others.
    """
    field = encoder.pipeline.field
    value = entry(example, field)
    if value is None:
        raise UserError(
            f"the encoder of {encoder.source} reads the field {field!r}, which {name} does not "
            f"have (there are: {', '.join(sorted(example))})"
        )
    spec = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype), value)
    try:
        found = jax.eval_shape(
            lambda one: (
                encoder.apply(
                    encoder.variables, encoder.preprocess(jax.tree.map(lambda x: x[None], one))
                ).pooled
            ),
            spec,
        )
    except Exception as error:
        shapes = [list(leaf.shape) for leaf in jax.tree.leaves(spec)]
        raise UserError(
            f"the encoder of {encoder.source} cannot take the examples of {name}, of shape "
            f"{', '.join(map(str, shapes))}: {str(error).splitlines()[0] or type(error).__name__}"
        ) from error
    if len(found.shape) != 2:
        raise UserError(f"the encoder of {encoder.source} gives no vector an example")


class _Program:
    """The compiled encoder with its preprocessing, on a mesh."""

    def __init__(
        self, encoder: Encoder, select: Callable, mesh: Any, workers: int, example: Any
    ) -> None:
        self.encoder, self.mesh, self.workers, self.example = encoder, mesh, workers, example
        self.rows = batch_sharding(mesh)
        everywhere = replicated(mesh)
        self.variables = jax.device_put(encoder.variables, everywhere)

        def run(variables: Any, x: Any) -> jax.Array:
            found = select(encoder.encode(variables, x))
            if len({one.shape[:-1] for one in found}) > 1:
                raise UserError("the layers have different numbers of tokens: embed one at a time")
            return jax.numpy.concatenate(found, axis=-1)

        self._select = select
        self.run = jax.jit(run, in_shardings=(everywhere, self.rows), out_shardings=self.rows)

    def _input(self, size: int) -> Any:
        return jax.tree.map(
            lambda one: jax.ShapeDtypeStruct((size, *np.shape(one)), np.asarray(one).dtype),
            self.example,
        )

    def widths(self, device_batch: int) -> list[tuple[int, ...]]:
        """Shape of one example's features in each layer."""

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


class _Shards:
    """Finished parts of a file of features, in a folder beside it."""

    def __init__(
        self,
        out: Path,
        what: Mapping[str, Any],
        sources: Mapping[str, Source],
        shape: tuple[int, ...],
    ) -> None:
        self.folder = out.with_name(f"{out.name}.parts")
        each = max(1, int(np.prod(shape[1:])) * 4)
        batch = what["device_batch"]
        rows = max(batch, min(_SHARD, _SHARD_BYTES // each) // batch * batch)
        self.plan = [
            (part, start, min(start + rows, len(source)))
            for part, source in sources.items()
            for start in range(0, len(source), rows)
        ]
        self.finished = 0
        note, wanted = (
            self.folder / "embedding.json",
            json.loads(json.dumps({**what, "rows": rows})),
        )
        if note.exists():
            try:
                found = json.loads(note.read_text())
            except (OSError, *MALFORMED):
                found = None
            if found != wanted:
                raise UserError(
                    f"{self.folder} holds shards of another embedding{_difference(found, wanted)}: "
                    "remove that folder, or choose another --out"
                )
            while self.finished < len(self.plan) and self._load(self.finished) is not None:
                self.finished += 1
            return
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {self.folder}: {error.strerror}") from error
        write_json(note, wanted)

    def save(self, number: int, rows: Mapping[str, np.ndarray]) -> None:
        """Writes a shard; it is there in whole or not at all."""
        path = self._path(number)
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                np.savez(file, **rows)
            os.replace(partial, path)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error

    def features(self) -> Iterator[np.ndarray]:
        """The features of each shard."""
        for number in range(len(self.plan)):
            yield self._load(number)["features"]

    def columns(self, sources: Mapping[str, Source]) -> dict[str, list[Any]]:
        """The splits (of several), paths and labels of all rows, where they are known."""
        columns: dict[str, list[Any]] = {}
        if len(sources) > 1:
            columns["split"] = [name for name, one in sources.items() for _ in range(len(one))]
        files = [paths_of(source) for source in sources.values()]
        if all(known is not None for known in files):
            columns["path"] = [path for known in files for path in known]
        labels = [self._load(number).get("label") for number in range(len(self.plan))]
        if all(label is not None for label in labels):
            columns["label"] = np.concatenate(labels).tolist()
        return columns

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.npz"

    def _load(self, number: int) -> dict[str, np.ndarray] | None:
        try:
            # Opened here: NumPy leaves a file that is no whole archive open.
            with self._path(number).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                found = dict(file)
        except (OSError, EOFError, zipfile.BadZipFile, ValueError):
            return None
        _, start, stop = self.plan[number]
        return found if len(found.get("features", ())) == stop - start else None


def _difference(found: Any, wanted: Mapping[str, Any]) -> str:
    if not isinstance(found, dict):
        return ""
    names = [name for name in wanted if found.get(name) != wanted[name]]
    return f" (another {' and '.join(names).replace('_', ' ')})" if names else ""
