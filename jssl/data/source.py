"""Random-access sources, the three explicit splits of a data set, and how splits are created."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jssl.data.order import random_words
from jssl.errors import UserError

Batch = dict[str, np.ndarray]


@runtime_checkable
class Source(Protocol):
    """Random access to examples: Grain's protocol, with whole batches by index array.

    An example is a dict of arrays: ``image`` uint8 [H, W, C], ``label`` int32 [] where there is one
    label an example, ``tags`` uint8 [K], 0 or 1, where there may be several of K, and known factors
    of variation as ``factor/<name>`` (int32 or float32). A source must pickle, because streaming
    sends it to worker processes.
    """

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def __getitem__(self, index: Any) -> Batch:
        """One example for an integer; a batch with leading dimension B for integers [B]."""
        ...


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set; each example is in exactly one.

    Attributes:
      train: for self-supervised training and for fitting probes.
      validation: for choices such as a probe's regularisation or early stopping.
      test: for reported scores.
      name: the data set's name in result tables.
      classes: the name of each label, in label order; empty where there are no labels.
      tags: the names of the labels of which an example may have several; empty elsewhere.
    """

    train: Source
    validation: Source
    test: Source
    name: str
    classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class ArraySource:
    """Examples held in memory.

    Args:
      arrays: key -> array [N, ...]. 64-bit integers become int32 and float64 becomes float32,
        the types that live on the device.

    Raises:
      UserError: when there is no array or when leading dimensions differ.
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self.arrays = {key: _narrow(key, np.asarray(value)) for key, value in arrays.items()}
        if not self.arrays:
            raise UserError("a data set needs at least one array, and none was given")
        sizes = {key: len(value) for key, value in self.arrays.items()}
        if len(set(sizes.values())) > 1:
            listing = ", ".join(f"{key} {size}" for key, size in sizes.items())
            raise UserError(f"all arrays of a split must be equally long, but these are: {listing}")
        self._length = next(iter(sizes.values()))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Batch:
        return {key: value[index] for key, value in self.arrays.items()}

    def labels(self) -> np.ndarray | None:
        """int32 [N], or None where there are no labels."""
        return self.arrays.get("label")

    def tags(self) -> np.ndarray | None:
        """uint8 [N, K], or None where there are none."""
        return self.arrays.get("tags")


class SubsetSource:
    """A selection of another source, in the order of the indices.

    Args:
      source: the source to select from.
      indices: integers [M], positions in ``source``; repeats are allowed.

    Raises:
      UserError: when an index lies outside the source.
    """

    def __init__(self, source: Source, indices: Sequence[int] | np.ndarray) -> None:
        indices = np.asarray(indices, dtype=np.int64).reshape(-1)
        if indices.size and (indices.min() < 0 or indices.max() >= len(source)):
            raise UserError(
                f"subset indices must lie in [0, {len(source)}), and they span "
                f"[{indices.min()}, {indices.max()}]"
            )
        if isinstance(source, SubsetSource):  # a subset of a subset stays one look-up deep
            source, indices = source.source, source.indices[indices]
        self.source = source
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Batch:
        return self.source[self.indices[index]]

    def labels(self) -> np.ndarray | None:
        """int32 [M], or None where there are no labels."""
        known = labels(self.source)
        return None if known is None else known[self.indices]

    def tags(self) -> np.ndarray | None:
        """uint8 [M, K], or None where there are none."""
        known = tags(self.source)
        return None if known is None else known[self.indices]


def entry(batch: Mapping[str, Any], field: str) -> Any:
    """The field of an example or a batch under a name.

    Args:
      batch: key -> array. A field of several arrays, such as a graph, is kept in parts whose keys
        begin with its name: ``graph/nodes``, ``graph/edges``.
      field: name of the field.

    Returns:
      The array, or the dict of parts (``nodes``, ``edges``), or None where there is neither.
    """
    if field in batch:
        return batch[field]
    start = f"{field}/"
    parts = {key.removeprefix(start): batch[key] for key in batch if key.startswith(start)}
    return parts or None


def labels(source: Source) -> np.ndarray | None:
    """All labels of a source, without decoding its images where the source offers that.

    Args:
      source: any source.

    Returns:
      int32 [N], or None where examples carry no label.
    """
    return _field(source, "labels", "label")


def tags(source: Source) -> np.ndarray | None:
    """Several labels of each example, without decoding where the source offers that.

    Args:
      source: any source.

    Returns:
      uint8 [N, K], 0 or 1, or None where examples carry none.
    """
    return _field(source, "tags", "tags")


def _field(source: Source, own: str, key: str) -> np.ndarray | None:
    """What a source's method of a name gives, else the key's values of all examples."""
    method = getattr(source, own, None)
    if method is not None:
        return method()
    if len(source) == 0 or key not in source[0]:
        return None
    return np.concatenate([part[key] for part in _chunks(source)])


def paths_of(source: Source) -> list[str] | None:
    """The file of each example, relative to the data's folder; None for data that are no files."""
    if isinstance(source, SubsetSource):
        known = paths_of(source.source)
        return None if known is None else [known[i] for i in source.indices]
    files = getattr(source, "files", None)
    if files is None or len(files) != len(source):
        return None
    return [str(name) for name in files]


def stratified(label: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws ``count`` examples with the class proportions preserved (largest remainders).

    Args:
      label: integers [N].
      count: how many to draw, in [0, N].
      seed: of the draw; the same arguments give the same indices everywhere.

    Returns:
      int64 [count], sorted positions in ``label``.
    """
    label = np.asarray(label)
    values, inverse, sizes = np.unique(label, return_inverse=True, return_counts=True)
    share = sizes * count
    quota = share // max(len(label), 1)
    remainder = share - quota * len(label)
    quota[np.argsort(-remainder, kind="stable")[: count - quota.sum()]] += 1
    order = np.argsort(random_words(seed, "stratified", len(label)), kind="stable")
    picked = [order[inverse[order] == c][: quota[c]] for c in range(len(values))]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *picked]))


def carve_validation(
    source: Source, fraction: float, seed: int = 0, *, known: np.ndarray | None = None
) -> tuple[SubsetSource, SubsetSource]:
    """Splits a source in two with the class proportions preserved.

    Args:
      source: what to split, usually the training data.
      fraction: the share of examples in the second source, in (0, 1).
      seed: of the draw.
      known: integers [N], what to stratify by; the source's labels when None. Without labels the
        draw is uniform.

    Returns:
      (the rest, the carved part): two sources without a common example.

    Raises:
      UserError: when a side would be empty.
    """
    count = round(fraction * len(source))
    if not 0 < count < len(source):
        raise UserError(
            f"a fraction of {fraction:g} carves {count} of {len(source)} examples; each part needs "
            "at least one"
        )
    label = labels(source) if known is None else known
    part = stratified(np.zeros(len(source), np.int32) if label is None else label, count, seed)
    rest = np.setdiff1d(np.arange(len(source)), part)
    return SubsetSource(source, rest), SubsetSource(source, part)


def fingerprint(what: Source | np.ndarray) -> str:
    """A short hash stored in result files, which shows whether two results are from the same data.

    Args:
      what: a source, or an array such as subset indices. A source in memory is hashed whole; one
        that decodes files is hashed by its own ``fingerprint()`` or by its length, its labels and
        sixteen examples spread over it.

    Returns:
      16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    if isinstance(what, np.ndarray):
        _hash_array(digest, what)
    elif isinstance(what, ArraySource):
        for key in sorted(what.arrays):
            digest.update(key.encode())
            _hash_array(digest, what.arrays[key])
    elif isinstance(what, SubsetSource):
        digest.update(fingerprint(what.source).encode())
        _hash_array(digest, what.indices)
    elif hasattr(what, "fingerprint"):
        return what.fingerprint()
    else:
        digest.update(str(len(what)).encode())
        known = labels(what)
        if known is not None:
            _hash_array(digest, known)
        for index in np.unique(np.linspace(0, len(what) - 1, 16).astype(np.int64)):
            for key, value in sorted(what[int(index)].items()):
                digest.update(key.encode())
                _hash_array(digest, np.asarray(value))
    return digest.hexdigest()[:16]


def read_all(source: Source) -> Batch:
    """Every example of a source as one batch, decoded in chunks.

    Args:
      source: any source.

    Returns:
      key -> array [N, ...].
    """
    if isinstance(source, ArraySource):
        return dict(source.arrays)
    parts = list(_chunks(source))
    if not parts:
        raise UserError("this split of the data set is empty")
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _chunks(source: Source, size: int = 256) -> Any:
    for start in range(0, len(source), size):
        yield source[np.arange(start, min(start + size, len(source)))]


def _narrow(key: str, value: np.ndarray) -> np.ndarray:
    """An array of numbers in this machine's byte order, in at most 32 bits an element."""
    if value.ndim == 0 or value.dtype.kind not in "biuf":
        raise UserError(
            f"{key!r} must be an array of numbers with one row per example, not {value.dtype} of "
            f"shape {list(value.shape)}"
        )
    value = value.astype(value.dtype.newbyteorder("="), copy=False)
    if value.dtype.itemsize <= 4:
        return value
    if value.dtype.kind == "f":
        with np.errstate(over="ignore"):
            out = value.astype(np.float32)
        lost, more = np.isinf(out) & np.isfinite(value), "; give it in a larger unit"
    else:
        out = value.astype(np.int32)
        lost = out != value
        more = "; number its values, for example with numpy.unique(x, return_inverse=True)"
    if lost.any():
        raise UserError(f"{key!r} holds {value[lost][0]}, which does not fit into 32 bits{more}")
    return out


def _hash_array(digest: Any, array: np.ndarray) -> None:
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
