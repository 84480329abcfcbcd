"""A folder of image files of any number of channels and depth, with or without labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Interval, Naturals, Ranged
from jssl.data.arrays import Arrays, noise_images
from jssl.data.bands import fit, pick, read_bands, read_header, rescale
from jssl.data.file_list import FileList, Listed
from jssl.data.files import check_each
from jssl.data.images import decode
from jssl.data.listing import Kind
from jssl.data.source import Batch, Splits, SubsetSource
from jssl.errors import UserError

IMAGES = Kind(
    "image",
    (*(".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"), ".tif", ".tiff", ".ppm", ".pgm", ".npy"),
)
Limits = tuple[Interval, ...]


class ImageFileSource:
    """Image files, decoded on access.

    Args:
      listed: the files.
      size: height and width of the decoded images, pixels.
      channels: C.
      limits: (low, high) of each channel of deep images; () for images of 8 bits.
      bands: whether images keep their own channels (`jssl.data.bands`); otherwise they are read as
        8-bit grey or RGB (`jssl.data.images`).
      select: numbers of the bands that are kept, from 1; () for all.
    """

    def __init__(
        self,
        listed: Listed,
        size: int,
        channels: int,
        limits: Limits,
        bands: bool,
        select: tuple[int, ...] = (),
    ) -> None:
        self.select = select
        self.root, self.size, self.channels = listed.root, size, channels
        self.limits, self.bands = limits, bands
        self.files = np.array(listed.files)  # one flat buffer: cheap to pickle
        self._label, self._tags, self._tag_names = listed.label, listed.tags, listed.tag_names

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: Any) -> Batch:
        if np.ndim(index) == 0:
            found = {"image": self._read(str(self.files[index]))}
        else:
            found = {"image": np.stack([self._read(str(name)) for name in self.files[index]])}
        if self._label is not None:
            found["label"] = self._label[index]
        if self._tags is not None:
            found["tags"] = self._tags[index]
        return found

    def labels(self) -> np.ndarray | None:
        """int32 [N]; None without labels."""
        return self._label

    def tags(self) -> np.ndarray | None:
        """uint8 [N, K]; None unless an image may have several labels."""
        return self._tags

    def fingerprint(self) -> str:
        """A hash of names, labels, file sizes and how images are decoded."""
        how = (self.size, self.channels, self.limits, self.bands)
        how = (*how, self.select) if self.select else how
        digest = hashlib.sha256(repr(how).encode())
        for i, name in enumerate(self.files):
            label = None if self._label is None else self._label[i]
            line = f"{name} {label} {(self.root / str(name)).stat().st_size}\n"
            digest.update(line.encode(errors="surrogateescape"))
        if self._tags is not None:
            digest.update(repr(self._tag_names).encode() + self._tags.tobytes())
        return digest.hexdigest()[:16]

    def check(self) -> None:
        """Reads every file's header.

        Raises:
          UserError: naming the first file that cannot be used, and how many there are.
        """

        def trouble(name: str) -> str | None:
            try:
                header = read_header(self.root / str(name))
            except UserError as error:
                return str(error)
            if self.select and header.channels < max(self.select):
                return (
                    f"--bands asks for band {max(self.select)}, and {self.root / str(name)} has "
                    f"the bands 1 to {header.channels}"
                )
            fixed = self.bands and self.channels != 4 and not self.select
            if fixed and header.channels != self.channels:
                return (
                    f"{self.root / str(name)} has {header.channels} channels and other images have "
                    f"{self.channels}; all need the same, or --channels rgb or grey"
                )
            return None

        check_each(self.files, trouble)

    def _read(self, name: str) -> np.ndarray:
        file = self.root / name
        if not self.bands:
            return decode(file, self.size, self.channels)
        if self.select:
            pixels = pick(read_bands(file), self.select, None, file)
        else:
            pixels = read_bands(file, self.channels)
        pixels = fit(pixels, self.size)
        return rescale(pixels, self.limits) if self.limits else pixels


@dataclass(frozen=True)
class ImageFiles(Ranged):
    """Image files of a folder, flat or nested, streamed or, if they fit, held in memory.

    Images of 8 bits are uint8. Deeper ones become float32 in [0, 1] by `limits`.

    Attributes:
      files: which files, with labels, groups and splits.
      size: height and width: the shorter side is resized, then the centre is cropped.
      channels: of the images.
      limits: (low, high) of each channel, which become 0 and 1; () for 8 bits.
      bands: whether images keep their channels and depth (`jssl.data.bands`), instead of being
        read as 8-bit grey or RGB.
      select: numbers of the bands that are kept, from 1, in their order; () for all.
      check: whether `load` reads every file's header.
    """

    files: FileList = field(default_factory=lambda: FileList("images"))
    size: Count = 224
    channels: Count = 3
    limits: Limits = ()
    bands: bool = False
    check: bool = True
    select: Naturals = field(default=(), metadata={"later": True})

    def smoke(self) -> Arrays:
        """Random images of the same size in its place, for tests."""
        return noise_images(self.size, self.channels)

    def load(self) -> Splits:
        """Lists the files; images are decoded when they are read.

        Returns:
          Splits with `image` [size, size, channels], uint8 or float32, `label` int32 where there is
          one class a file, and `tags` uint8 [K], 0 or 1, where there may be several labels.

        Raises:
          UserError: see `FileList.listed`; or a file that is no image or has other channels.
        """
        listed = self.files.listed(IMAGES)
        if not self.bands and self.channels not in (1, 3):
            raise UserError(
                f"images read as grey or RGB have 1 or 3 channels, not {self.channels}; set bands"
            )
        source = ImageFileSource(
            *(listed, self.size, self.channels, self.limits, self.bands, self.select)
        )
        if self.check:
            source.check()
        parts = {part: SubsetSource(source, rows) for part, rows in listed.parts.items()}
        name = Path(self.files.path).name
        return Splits(**parts, name=name, classes=listed.classes, tags=listed.tag_names)
