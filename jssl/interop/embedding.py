"""`jssl embed`: the features of every example of some data, streamed into a file in shards."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jssl import __version__
from jssl.data.source import Source, Splits, entry
from jssl.errors import Interrupted, UserError, nearest
from jssl.interop import layers as layer_names
from jssl.interop.encoder import Encoder
from jssl.interop.encoding import EncodingProgram
from jssl.interop.feature_files import check_name, write_features
from jssl.interop.shards import Shards
from jssl.logging.progress import Progress, quantity
from jssl.runs import identity, interrupt
from jssl.training.sharding import make_mesh

PARTS = ("train", "validation", "test")
DEVICE_BATCH = 64


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
    log: Callable[[str], None] = print,
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
      log: prints a line.

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
    program = EncodingProgram(encoder, chosen_layers, mesh, workers, example)
    widths = program.widths(device_batch)
    shape = (sum(map(len, sources.values())), *widths[0][:-1], sum(width[-1] for width in widths))
    metadata = {
        **_metadata(encoder, data, sources),
        "layers": [
            {"name": name, "width": width[-1]} for name, width in zip(layers, widths, strict=True)
        ],
        "pool": pool or "default",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    shards = Shards(out, {**metadata, "device_batch": device_batch}, sources, shape)
    done = sum(stop - start for _, start, stop in shards.plan[: shards.finished])
    if done:
        log(f"going on after {done} of {shape[0]} examples, from the shards in {shards.folder}")
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


def _metadata(encoder: Encoder, data: Splits, sources: Mapping[str, Source]) -> dict[str, Any]:
    prints = identity.data_of(data)
    return {
        "version": __version__,
        "weights": {"fingerprint": encoder.fingerprint, "source": encoder.source, **encoder.facts},
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            "splits": {part: prints[part] for part in sources},
        },
    }


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
            lambda variables, one: (
                encoder.encode(variables, jax.tree.map(lambda x: x[None], one)).pooled
            ),
            encoder.variables,  # an argument: NumPy's arrays take no traced index
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
