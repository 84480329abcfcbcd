"""Images of a data set that the Hugging Face `datasets` library saved to disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Ranged
from jssl.data.arrays import Arrays, noise_images
from jssl.data.arrow_files import (
    image_column,
    plain_columns,
    saved_cells,
    saved_splits,
    saved_table,
)
from jssl.data.holdout import divide
from jssl.data.images import decode
from jssl.data.row_files import column_values, find_labels, label_texts
from jssl.data.source import Batch, Source, Splits
from jssl.data.splitting import SplitRule
from jssl.data.targets import Targets, read_targets
from jssl.errors import UserError


class EncodedImages:
    """Images kept encoded in memory and decoded on access.

    Args:
      encoded: the bytes of each image.
      where: what holds them, for messages.
      size: height and width of the decoded images.
      channels: 3 for RGB, 1 for grey.
      targets: "label" int32 [N] or "tags" uint8 [N, K], or neither.
    """

    def __init__(
        self,
        encoded: list[bytes],
        where: str,
        size: int,
        channels: int,
        targets: Mapping[str, np.ndarray],
    ) -> None:
        self.encoded, self.where, self.size, self.channels = encoded, where, size, channels
        self.targets = dict(targets)

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: Any) -> Batch:
        if np.ndim(index) == 0:
            found = {"image": self._read(int(index))}
        else:
            found = {"image": np.stack([self._read(int(i)) for i in index])}
        return found | {key: value[index] for key, value in self.targets.items()}

    def labels(self) -> np.ndarray | None:
        """int32 [N], or None where there are no labels."""
        return self.targets.get("label")

    def tags(self) -> np.ndarray | None:
        """uint8 [N, K], or None unless an image may have several labels."""
        return self.targets.get("tags")

    def fingerprint(self) -> str:
        """A hash of the encoded images, the labels and how images are decoded."""
        digest = hashlib.sha256(f"{self.size} {self.channels}".encode())
        for one in self.encoded:
            digest.update(len(one).to_bytes(8, "little") + one)
        for key, value in sorted(self.targets.items()):
            digest.update(key.encode() + value.tobytes())
        return digest.hexdigest()[:16]

    def _read(self, index: int) -> np.ndarray:
        where = f"{self.where}, row {index + 1}"
        return decode(self.encoded[index], self.size, self.channels, where=where)


@dataclass(frozen=True)
class SavedImages(Ranged):
    """Images of a folder that `save_to_disk` wrote, encoded in its Arrow files.

    Attributes:
      path: of the folder.
      size: height and width: the shorter side is resized, then the centre is cropped.
      channels: 3 for RGB, 1 for grey.
      label: the column of labels, or "none"; None finds one that is called so.
      group: the column whose values stay in one split; or None.
      split: how the splits that are not there are made.
    """

    path: str
    size: Count = 64
    channels: Count = 3
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> Arrays:
        """Random images of the same size in its place, for tests."""
        return noise_images(self.size, self.channels)

    def load(self) -> Splits:
        """Reads the folder.

        Returns:
          Splits with `image` uint8 [size, size, channels] and, where there are labels, `label`
          int32, or `tags` uint8 [K] where an image may have several.

        Raises:
          UserError: a file is missing or damaged, images are kept elsewhere, or there is no such
            column.
        """
        path = Path(self.path).expanduser()
        name = image_column(path)
        if name is None:
            raise UserError(f"{path} has no column of images")
        tables = {part: saved_table(folder) for part, folder in saved_splits(path).items()}
        texts, group = {}, None
        for part, (table, features) in tables.items():
            plain, _ = plain_columns(table, path)
            if not plain:
                continue
            cells = saved_cells(table.select(plain), features, path)
            places = find_labels(cells, self.label)
            if places:
                texts[part] = label_texts(cells, *places)
            if part == "train" and self.group is not None:
                group = column_values(cells, self.group, "--group")[0]
        if self.label not in (None, "none") and not texts:
            raise UserError(f"--label {self.label}: {path} has images alone")
        whole = len(texts) == len(tables)
        targets = read_targets(texts, str(path)) if whole else Targets({})
        sources: dict[str, Source] = {
            part: EncodedImages(
                _encoded(table, name, path), str(path), self.size, self.channels, targets.of(part)
            )
            for part, (table, _) in tables.items()
        }
        what = f"images of {path}"
        return divide(
            sources, self.split, what, name=path.resolve().name, targets=targets, group=group
        )


def _encoded(table: Any, name: str, path: Path) -> list[bytes]:
    rows = table.column(name).to_pylist()
    found = [row.get("bytes") if isinstance(row, dict) else None for row in rows]
    lacking = [k for k, one in enumerate(found) if not one]
    if lacking:
        raise UserError(
            f"{path}, row {lacking[0] + 1}: the image is not in the data set ({len(lacking)} such "
            "rows); save it again with its images inside, or give the folder of the images"
        )
    return found
