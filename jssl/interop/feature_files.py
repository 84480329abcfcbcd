"""Files of features: Parquet, or `.npy` with a JSON file beside it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jssl.errors import MALFORMED, UserError

FORMAT = "jssl features"
SUFFIXES = (".parquet", ".npy")
_KEY = b"jssl"


@dataclasses.dataclass(frozen=True)
class FeatureFile:
    """The content of a file of features; row i of everything belongs to one example.

    Attributes:
      path: of the file.
      features: float32 [N, D] or [N, T, D]; of a `.npy` file a memory map.
      columns: "split" where there are several and, where known, "path" (relative to the data's
        folder) and "label": N values each.
      metadata: weights, data, layers, pooling; see `jssl.interop.embedding.embed`.
    """

    path: Path
    features: np.ndarray
    columns: Mapping[str, Sequence[Any]]
    metadata: Mapping[str, Any]

    def vectors(self) -> np.ndarray:
        """The features [N, D].

        Raises:
          UserError: they are tokens.
        """
        if self.features.ndim != 2:
            raise UserError(
                f"{self.path} holds all tokens of each example; embed with --pool cls or mean to "
                "compare examples"
            )
        return self.features

    def row_of(self, query: str) -> int:
        """The row that a text names.

        Args:
          query: a row's number, from 0, or the path of a file, whole or its end.

        Raises:
          UserError: there is no such row, or several.
        """
        count = len(self.features)
        if query.isdigit():
            if int(query) >= count:
                raise UserError(f"{self.path} has rows 0 to {count - 1}, and no row {query}")
            return int(query)
        paths = self.columns.get("path")
        if paths is None:
            raise UserError(
                f"{self.path} keeps no paths, since its data are no files: name a row by its "
                f"number, 0 to {count - 1}"
            )
        name = query.replace("\\", "/").removeprefix("./")
        found = [i for i, path in enumerate(paths) if path == name]
        found = found or [i for i, path in enumerate(paths) if path.endswith(f"/{name}")]
        found = found or [i for i, path in enumerate(paths) if name.endswith(f"/{path}")]
        if len(found) != 1:
            reason = f"{len(found)} rows" if found else "no row"
            raise UserError(f"{reason} of {self.path} have the path {query!r}; give it in full")
        return found[0]

    def describe(self, row: int) -> dict[str, Any]:
        """The columns of a row, the label by its name where classes are known."""
        found = {name: values[row] for name, values in self.columns.items()}
        classes = self.metadata.get("data", {}).get("classes") or ()
        label = found.get("label")
        if isinstance(label, int | np.integer) and 0 <= label < len(classes):
            found["label"] = classes[label]
        return found


def check_name(path: Path) -> None:
    """Refuses a name of an unknown kind, and Parquet without its package."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"--out {path} must end in {' or '.join(SUFFIXES)}")
    if path.suffix == ".parquet":
        _pyarrow("pyarrow")
    if path.is_dir():
        raise UserError(f"--out {path} is a folder; give the path of a file")


def sidecar(path: Path) -> Path:
    """The JSON file beside a `.npy` file of features."""
    return path.with_suffix(".json")


def write_features(
    path: Path,
    blocks: Iterable[np.ndarray],
    shape: tuple[int, ...],
    columns: Mapping[str, Sequence[Any]],
    metadata: Mapping[str, Any],
) -> None:
    """Writes a file of features, block by block; equal arguments give equal bytes.

    Args:
      path: ends in `.parquet` or `.npy`; replaced when the file is complete.
      blocks: float32 arrays [n, ...] whose rows, together, are those of `shape`.
      shape: of the whole, [N, ...].
      columns: name -> N values.
      metadata: plain JSON values.
    """
    metadata = {"format": FORMAT, "shape": list(shape), **metadata}
    partial = path.with_name(f"{path.name}.partial")
    try:
        if path.suffix == ".parquet":
            _write_parquet(partial, blocks, shape, columns, metadata)
        else:
            _write_npy(partial, blocks, shape)
            beside = sidecar(path)
            new = beside.with_name(f"{beside.name}.partial")
            plain = {name: [_plain(v) for v in values] for name, values in columns.items()}
            new.write_text(json.dumps({**metadata, "columns": plain}, sort_keys=True) + "\n")
            os.replace(new, beside)
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def read_features(path: str | Path) -> FeatureFile:
    """Reads a file of features.

    Raises:
      UserError: there is no such file, or it was not written by `jssl embed`.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} is no file of features: it ends in none of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        read = _read_parquet if path.suffix == ".parquet" else _read_npy
        found = read(path)
        if found.metadata["format"] != FORMAT:
            raise ValueError(f"its format is {found.metadata['format']!r}")
        if found.features.ndim not in (2, 3) or not len(found.features):
            raise ValueError(f"an array of shape {found.features.shape}")
        for name, values in found.columns.items():
            if len(values) != len(found.features):
                raise ValueError(f"{len(values)} values of {name} for {len(found.features)} rows")
    except UserError:
        raise
    except (OSError, EOFError, *MALFORMED) as error:
        raise UserError(f"{path} is no whole file that jssl embed wrote ({error})") from error
    return found


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _write_npy(path: Path, blocks: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, "<f4").data)


def _read_npy(path: Path) -> FeatureFile:
    beside = sidecar(path)
    if not beside.is_file():
        raise UserError(f"{path} has no {beside.name} beside it, which holds its metadata")
    metadata = json.loads(beside.read_text())
    columns = dict(metadata.pop("columns"))
    features = np.load(path, mmap_mode="r", allow_pickle=False)
    return FeatureFile(path, features, columns, metadata)


def _pyarrow(module: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            "a .parquet file needs the package pyarrow: pip install 'jssl[parquet]', or use .npy"
        ) from error


def _write_parquet(
    path: Path,
    blocks: Iterable[np.ndarray],
    shape: tuple[int, ...],
    columns: Mapping[str, Sequence[Any]],
    metadata: Mapping[str, Any],
) -> None:
    pa, pq = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
    width = int(np.prod(shape[1:]))
    arrays = {name: pa.array([_plain(v) for v in values]) for name, values in columns.items()}
    fields = [pa.field(name, array.type) for name, array in arrays.items()]
    fields.append(pa.field("features", pa.list_(pa.float32(), width)))
    text = json.dumps(metadata, sort_keys=True).encode()
    schema = pa.schema(fields, metadata={_KEY: text})
    start = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in blocks:
            flat = pa.array(np.ascontiguousarray(block, np.float32).reshape(-1))
            part = [array.slice(start, len(block)) for array in arrays.values()]
            part.append(pa.FixedSizeListArray.from_arrays(flat, width))
            writer.write_table(pa.Table.from_arrays(part, schema=schema))
            start += len(block)


def _read_parquet(path: Path) -> FeatureFile:
    pq = _pyarrow("pyarrow.parquet")
    pa = _pyarrow("pyarrow")
    try:
        with pq.ParquetFile(path) as file:
            metadata = json.loads((file.schema_arrow.metadata or {})[_KEY])
            shape = tuple(metadata["shape"])
            features = np.empty((file.metadata.num_rows, *shape[1:]), np.float32)
            start = 0
            for batch in file.iter_batches(columns=["features"]):
                values = batch.column(0).flatten().to_numpy(zero_copy_only=False)
                features[start : start + len(batch)] = values.reshape(len(batch), *shape[1:])
                start += len(batch)
            names = [name for name in file.schema_arrow.names if name != "features"]
            table = file.read(columns=names)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    columns = {name: table.column(name).to_pylist() for name in names}
    return FeatureFile(path, features, columns, metadata)


def blocks_of(features: np.ndarray, rows: int = 8192) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, float32 rows) of consecutive blocks of features."""
    for start in range(0, len(features), rows):
        yield start, np.asarray(features[start : start + rows], np.float32)
