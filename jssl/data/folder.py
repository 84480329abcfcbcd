"""A folder of image files, one sub-folder per class."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.arrays import Arrays, finish, noise_images
from jssl.data.files import check_each
from jssl.data.images import decode, frames, open_image
from jssl.data.listing import Kind, existing, list_splits
from jssl.data.notes import note, shown
from jssl.data.source import Batch, Splits
from jssl.errors import UserError

_IMAGES = Kind(
    "image",
    (*(".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"), ".tif", ".tiff", ".ppm", ".pgm"),
)


class FileSource:
    """Image files, decoded on access.

    Args:
      root: the folder that ``files`` are relative to.
      files: relative paths, N of them.
      label: int32 [N].
      size: height and width of the decoded images in pixels.
      channels: 3 for RGB, 1 for grey.
    """

    def __init__(
        self, root: Path, files: list[str], label: np.ndarray, size: int, channels: int
    ) -> None:
        self.root, self.size, self.channels = root, size, channels
        self.files = np.array(files)  # one flat buffer: cheap to pickle, unlike a million strings
        self._label = label.astype(np.int32)

    def __len__(self) -> int:
        return len(self._label)

    def __getitem__(self, index: Any) -> Batch:
        if np.ndim(index) == 0:
            return {"image": self._read(str(self.files[index])), "label": self._label[index]}
        images = [self._read(str(name)) for name in self.files[index]]
        return {"image": np.stack(images), "label": self._label[index]}

    def labels(self) -> np.ndarray:
        """int32 [N]."""
        return self._label

    def fingerprint(self) -> str:
        """A hash of names, labels, file sizes and the decoded size."""
        digest = hashlib.sha256(f"{self.size} {self.channels}".encode())
        for name, label in zip(self.files, self._label, strict=True):
            line = f"{name} {label} {(self.root / str(name)).stat().st_size}\n"
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]

    def check(self) -> None:
        """Reads every file's header, and notes which files hold several frames.

        Raises:
          UserError: naming the first file that cannot be used, and how many there are.
        """
        several: list[str] = []

        def trouble(name: str) -> str | None:
            try:
                with open_image(self.root / str(name)) as image:
                    if frames(image) > 1:
                        several.append(str(name))
            except UserError as error:
                return str(error)
            return None

        check_each(self.files, trouble)
        if several:
            note(
                f"{self.root}: {len(several)} files hold several frames, of which the first is "
                f"taken ({shown(sorted(several))})"
            )

    def _read(self, name: str) -> np.ndarray:
        return decode(self.root / name, self.size, self.channels)


@dataclass(frozen=True)
class ImageFolder(Ranged):
    """Image files on disk, streamed or, if they fit, held in memory.

    Two layouts: `path/train/<class>/*` with `path/test/<class>/*` (and, if there is one,
    `path/validation/<class>/*`), or `path/<class>/*`, from which validation and test are carved.
    Splits may also be called training, testing, val and valid, ignoring case. With train and
    validation but no test, as ImageNet is kept, the validation folder is the test split and
    validation is carved from train. Sub-folders of a class are read too. Hidden files are skipped;
    files without an image suffix, dangling or circular links, and further names of one file are
    skipped and counted in a note.

    How orientation, transparency, depth and several frames are read: `jssl.data.images`.

    Attributes:
      path: the folder.
      size: height and width of the images: the shorter side is resized, then the centre is cropped.
      channels: 3 for RGB, 1 for grey.
      name: of the data set; the folder's name when None.
      fraction: the part of train that is carved for a split that the folder lacks.
      seed: of the carving.
      check: whether ``load`` reads every file's header (about 0.1 ms each from a warm disk).
    """

    path: str
    size: Count = 224
    channels: Count = 3
    name: str | None = None
    fraction: Inside = 0.1
    seed: Seed = 0
    check: bool = True

    def smoke(self) -> Arrays:
        """Random images of the same size in its place, for tests."""
        return noise_images(self.size, self.channels)

    def load(self) -> Splits:
        """Lists the files; images are decoded when they are read.

        Returns:
          The three splits.

        Raises:
          UserError: when there is no such folder, no image, a class that train lacks, or a file
            that is no image, or one that is refused (`jssl.data.images`). A file whose header is
            sound and whose body is cut raises the same when it is read.
        """
        if self.size < 1 or self.channels not in (1, 3):
            raise UserError(
                f"an image folder needs a size of at least 1 and 1 or 3 channels, not size "
                f"{self.size} and {self.channels} channels"
            )
        found, classes = list_splits(self.path, _IMAGES)
        sources = {
            part: FileSource(one.root, one.files, one.label, self.size, self.channels)
            for part, one in found.items()
        }
        if self.check:
            for source in sources.values():
                source.check()
        return finish(
            sources["train"],
            sources.get("validation"),
            sources.get("test"),
            self.name or existing(self.path).name,
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )
