"""Shards of a file of features, which an interrupted `jssl embed` goes on from."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.source import Source, paths_of
from jssl.errors import MALFORMED, UserError
from jssl.runs.run import write_json

_SHARD = 2048  # examples, at least; a shard is what a killed command repeats at most
_SHARD_BYTES = 256 << 20  # of features


class Shards:
    """Finished parts of a file of features, in a folder beside it.

    Args:
      out: the file.
      what: the metadata of the file and "device_batch"; shards of anything else are refused.
      sources: the splits by name, in their order in the file.
      shape: of the features of all of them.

    Attributes:
      folder: of the shards.
      plan: (split, first example, last example + 1) of each shard.
      finished: how many shards were there before.

    Raises:
      UserError: the folder holds shards of another embedding, or cannot be made.
    """

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
