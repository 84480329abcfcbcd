"""Images with captions from a file that names both: COCO's JSON, or a CSV of path and text."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jssl.core.ranges import Count, Ranged
from jssl.data.caption_files import read_captions
from jssl.data.captions import CaptionedShapes
from jssl.data.file_list import Listed
from jssl.data.file_table import read_column, read_rows_by_file
from jssl.data.image_files import IMAGES, ImageFileSource, Limits
from jssl.data.listing import files_in
from jssl.data.notes import shown
from jssl.data.source import Batch, Splits, SubsetSource
from jssl.data.splitting import SplitRule
from jssl.data.text import to_tokens
from jssl.data.text_files import count_cut
from jssl.errors import UserError

TEXT_COLUMNS = ("caption", "captions", "text", "description", "title", "sentence", "comment")


class Captioned(NamedTuple):
    """Images and their captions.

    Attributes:
      listed: the images that have captions, with their splits.
      texts: the captions of each.
    """

    listed: Listed
    texts: list[list[str]]


class CaptionSource(ImageFileSource):
    """Image files and tokens of their captions.

    Args:
      tokens: int32 [N, captions, length].
      *args: those of `ImageFileSource`.
    """

    def __init__(self, tokens: np.ndarray, *args: Any) -> None:
        super().__init__(*args)
        self.tokens = tokens

    def __getitem__(self, index: Any) -> Batch:
        return {**super().__getitem__(index), "captions": self.tokens[index]}


@dataclass(frozen=True)
class CaptionedImages(Ranged):
    """Images of a folder with captions.

    Attributes:
      path: the file of captions: COCO's JSON, or a CSV file with a column that names the images and
        one with a caption; several rows may name an image.
      folder: that the images are in, at any depth.
      column: of a CSV file, with the captions; None for one of a usual name.
      group: a CSV file with the name of each image and its group; None for none.
      split: how the splits are drawn, by image.
      size: height and width of the images.
      channels: 3 for RGB, 1 for grey.
      captions: maximum number per image; further ones are ignored.
      length: bytes to which captions are cut or filled up.
      limits: see `jssl.data.image_files.ImageFiles`, also for the next.
      bands: whether images keep their channels and depth.
    """

    path: str
    folder: str
    column: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)
    size: Count = 64
    channels: Count = 3
    captions: Count = 5
    length: Count = 64
    limits: Limits = ()
    bands: bool = False

    def smoke(self) -> CaptionedShapes:
        """A few captioned shapes in its place, for tests."""
        shapes = CaptionedShapes().smoke()
        return replace(shapes, size=self.size, length=self.length, captions=min(self.captions, 5))

    def read(self) -> Captioned:
        """Reads the captions and finds their images.

        Raises:
          UserError: the file is of another form, names images that are not in the folder, or has
            no caption for an image that it names.
        """
        path, root = Path(self.path).expanduser(), Path(self.folder).expanduser().resolve()
        names = [str(file.relative_to(root)) for file in files_in(root, IMAGES)]
        if not names:
            raise UserError(f"{root} holds no images, and {path} needs those that it names")
        if path.suffix.lower() == ".json":
            found = _of_json(path, names)
        else:
            found = self._of_csv(path, names)
        files = sorted(found)
        group = None
        if self.group is not None:
            group = np.unique(read_column(self.group, files, "group"), return_inverse=True)[1]
        parts = self.split.draw(len(files), f"images of {path}", group=group)
        listed = Listed(root, files, None, (), "", None, (), parts)
        return Captioned(listed, [found[name] for name in files])

    def load(self) -> Splits:
        """Lists the images; they are decoded when they are read.

        Returns:
          Splits with `image` [size, size, channels] and `captions` int32 [captions, length] (see
          `jssl.data.text.to_tokens`), 0 where an image has fewer.

        Raises:
          UserError: see `read`; or an image cannot be read.
        """
        listed, texts = self.read()
        tokens, cut = np.zeros((len(texts), self.captions, self.length), np.int32), []
        for row, own, name in zip(tokens, texts, listed.files, strict=True):
            try:
                longer = to_tokens(own[: self.captions], self.length + 1)
            except UserError as error:
                raise UserError(f"{self.path}, {name}: {error}") from None
            row[: len(longer)] = longer[:, : self.length]
            cut.append(bool(longer[:, self.length].any()))
        count_cut(self.path, "images' captions", np.asarray(cut), f"{self.length} bytes")
        how = (listed, self.size, self.channels, self.limits, self.bands)
        source = CaptionSource(tokens, *how)
        source.check()
        parts = {part: SubsetSource(source, rows) for part, rows in listed.parts.items()}
        return Splits(**parts, name=Path(self.path).stem)

    def _of_csv(self, path: Path, names: list[str]) -> dict[str, list[str]]:
        rows = read_rows_by_file(path, names, repeated=True)
        low = [name.strip().lower() for name in rows.columns]
        if self.column is not None and self.column not in rows.columns:
            raise UserError(
                f"{path} has no column {self.column!r}; it has {', '.join(rows.columns)}"
            )
        usual = [low.index(name) for name in TEXT_COLUMNS if name in low]
        if self.column is None and not usual:
            raise UserError(
                f"{path} has the columns {', '.join(rows.columns)}; say which holds the captions, "
                "as --columns NAME"
            )
        place = usual[0] if self.column is None else rows.columns.index(self.column)
        found = {name: [row[place].strip() for row in own] for name, own in rows.cells.items()}
        blank = sorted(name for name, own in found.items() if not all(own))
        if blank:
            raise UserError(
                f"{path} has an empty caption for {shown(blank)} ({len(blank)} images); leave "
                "those rows out"
            )
        return found


def _of_json(path: Path, names: list[str]) -> dict[str, list[str]]:
    files, said = read_captions(path)
    known = set(names)
    by_name = {os.path.basename(name): name for name in names}
    found, missing = {}, []
    for key, file in files.items():
        name = file if file in known else by_name.get(os.path.basename(file))
        if name is None:
            missing.append(file)
        else:
            found[name] = said[key]
    if missing:
        raise UserError(
            f"{path} names {len(missing)} images that are not in the folder, such as "
            f"{shown(missing)}; give the folder that holds them with the captions in it"
        )
    return found
