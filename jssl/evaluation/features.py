"""Feature extraction: encodes a source into plain arrays."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jssl.data.source import entry
from jssl.errors import UserError, nearest
from jssl.training.sharding import batch_sharding

if TYPE_CHECKING:
    from jssl.core.state import TrainState
    from jssl.data.source import Source
    from jssl.training.program import Program


class Indexable(Protocol):
    """The interface of a source that evaluation uses."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> Mapping[str, np.ndarray]: ...


def extract(
    encode: Callable[[jax.Array], Any],
    source: Indexable,
    *,
    batch_size: int,
    preprocess: Callable[[dict[str, np.ndarray]], Any],
    sharding: NamedSharding | None = None,
    label: str | None = "label",
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes every example of a source, in order.

    The last batch is padded by repeating the last example, so that `encode` compiles once for a
    single shape; the padding is removed from the result. The host prepares the next batch while
    the device encodes the current one.

    Args:
      encode: a jitted function of a batch, [B, ...] -> `Features` (whose `pooled` is used) or an
        array [B, D].
      source: examples, indexable by an index array.
      batch_size: examples per call, B.
      preprocess: maps the source's batch (dict of [B, ...], with the position in the split as
        "index") to the encoder's input [B, ...].
      sharding: sharding of a batch on a mesh, or None for the default device.
      label: key of the labels; for procedural data it may name a factor. None for a source without
        labels, of which zeros are returned.

    Returns:
      Features float32 [N, D] and labels [N].

    Raises:
      UserError: an empty source, a missing label, or a batch size not divisible by the mesh.
    """
    length = len(source)
    if not length:
        raise UserError("there is nothing to encode: the split is empty")
    if sharding is not None and batch_size % sharding.mesh.size:
        raise UserError(
            f"an evaluation batch of {batch_size} cannot be divided among "
            f"{sharding.mesh.size} devices"
        )
    found, labels = extract_arrays(
        lambda x: {"pooled": _pooled(encode(x))},
        source,
        batch_size=batch_size,
        preprocess=preprocess,
        sharding=sharding,
        label=label,
    )
    return found["pooled"], labels


def features(
    program: Program,
    state: TrainState,
    source: Source,
    *,
    batch_size: int | None = None,
    label: str | None = "label",
) -> tuple[np.ndarray, np.ndarray]:
    """Pooled features and labels of every example of a source, in order.

    Args:
      program: the compiled experiment.
      state: whose encoder is used.
      source: the examples.
      batch_size: examples at a time; None for the training batch, 256 at most.
      label: key of the labels, or None for a source without labels (zeros are returned).

    Returns:
      (features float32 [N, D], labels int [N]).
    """
    pipeline = program.experiment.preprocess
    view = jax.jit(jax.vmap(lambda x: pipeline(None, {pipeline.field: x})))
    size = batch_size or min(program.experiment.batch_size, 256)
    size = -(-size // program.mesh.size) * program.mesh.size
    return extract(
        lambda x: program.encode(state, x),
        source,
        batch_size=size,
        preprocess=lambda batch: jax.device_get(view(entry(batch, pipeline.field))),
        sharding=batch_sharding(program.mesh),
        label=label,
    )


def extract_arrays(
    encode: Callable[[jax.Array], Mapping[str, jax.Array]],
    source: Indexable,
    *,
    batch_size: int,
    preprocess: Callable[[dict[str, np.ndarray]], Any],
    sharding: NamedSharding | None = None,
    label: str | None = "label",
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`extract` for several arrays at once, such as layers, tokens or views.

    Args:
      encode: a jitted function of a batch, [B, ...] -> name -> array [B, ...].
      source: as for `extract`, like the rest.
      batch_size: examples per call, B.
      preprocess: maps the source's batch to the encoder's input.
      sharding: sharding of a batch on a mesh, or None.
      label: key of the labels, or None for a source without labels (zeros are returned).

    Returns:
      float32 [N, ...] for each name, and labels [N].

    Raises:
      UserError: see `extract`.
    """
    length = len(source)
    if not length:
        raise UserError("there is nothing to encode: the split is empty")
    if sharding is not None and batch_size % sharding.mesh.size:
        raise UserError(
            f"an evaluation batch of {batch_size} cannot be divided among "
            f"{sharding.mesh.size} devices"
        )
    features: dict[str, list[np.ndarray]] = {}
    labels: list[np.ndarray] = []
    pending: deque[tuple[dict[str, jax.Array], int]] = deque()

    def fetch() -> None:
        arrays, valid = pending.popleft()
        for name, array in arrays.items():
            features.setdefault(name, []).append(np.asarray(array, dtype=np.float32)[:valid])

    for start in range(0, length, batch_size):
        indices = np.minimum(np.arange(start, start + batch_size), length - 1)
        batch = dict(source[indices])
        valid = min(batch_size, length - start)
        known = np.zeros(batch_size, np.int32) if label is None else _entry(batch, label)
        labels.append(np.asarray(known)[:valid])
        batch["index"] = indices.astype(np.int32)
        arrays = encode(jax.tree.map(lambda x: _place(x, sharding), preprocess(batch)))
        pending.append(({name: _collect(a, sharding) for name, a in arrays.items()}, valid))
        if len(pending) > 1:
            fetch()
    while pending:
        fetch()
    return {name: np.concatenate(parts) for name, parts in features.items()}, np.concatenate(labels)


def raw_features(
    source: Indexable, *, field: str = "image", label: str | None = "label", batch_size: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """The flattened input as a feature vector, the baseline for every representation.

    Args:
      source: examples, indexable by an index array.
      field: key of the input in an example.
      label: key of the labels, or None for a source without labels (zeros are returned).
      batch_size: examples read at a time.

    Returns:
      Flattened inputs float32 [N, D] (uint8 is scaled to [0, 1]) and labels [N].

    Raises:
      UserError: an empty source or a missing field or label.
    """
    parts: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for start in range(0, len(source), batch_size):
        batch = dict(source[np.arange(start, min(start + batch_size, len(source)))])
        rows = [_flat(np.asarray(x)) for x in jax.tree.leaves(_entry(batch, field))]
        parts.append(np.concatenate(rows, axis=1))
        known = np.zeros(len(rows[0]), np.int32) if label is None else _entry(batch, label)
        labels.append(np.asarray(known))
    if not parts:
        raise UserError("there is nothing to read: the split is empty")
    return np.concatenate(parts), np.concatenate(labels)


def _flat(x: np.ndarray) -> np.ndarray:
    scale = np.float32(1 / 255 if x.dtype == np.uint8 else 1)
    return x.reshape(len(x), -1).astype(np.float32) * scale


def _entry(batch: Mapping[str, np.ndarray], name: str) -> Any:
    value = entry(batch, name)
    if value is None:
        raise UserError(f"the data has no {name!r}: {nearest(name, batch)}")
    return value


def _place(x: Any, sharding: NamedSharding | None) -> Any:
    if sharding is None:
        return x
    if isinstance(x, jax.Array):
        return jax.device_put(x, sharding)
    # Every process holds the whole batch and supplies only the rows of its own devices.
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])


def _pooled(output: Any) -> jax.Array:
    features = getattr(output, "pooled", output)
    if features.ndim != 2:
        raise UserError(f"features must be [B, D], but the encoder gave {list(features.shape)}")
    return features


@functools.cache
def _replicator(sharding: NamedSharding) -> Callable[[jax.Array], jax.Array]:
    return jax.jit(lambda a: a, out_shardings=sharding)


def _collect(features: jax.Array, sharding: NamedSharding | None) -> jax.Array:
    if sharding is None:
        return features
    # A process can read only the shards on its own devices, so XLA replicates the rows first.
    return _replicator(NamedSharding(sharding.mesh, PartitionSpec()))(features)
