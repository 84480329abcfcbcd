"""A folder of video files, as clips of one length and size."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.arrays import finish
from jssl.data.clips import MovingShapes
from jssl.data.files import inside
from jssl.data.listing import Kind, Listing, existing, list_flat, list_splits
from jssl.data.notes import note, shown
from jssl.data.source import Batch, Source, Splits, SubsetSource
from jssl.data.text_files import read_rows, read_text
from jssl.data.video_files import Cut, library, read_clip, read_packets
from jssl.errors import UserError

VIDEOS = Kind(
    "video", (*(".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v"), ".mpg", ".mpeg", ".wmv")
)


class ClipSource:
    """Clips of video files, decoded on access; the clips of a file are consecutive.

    Args:
      listing: the files.
      cut: what a clip is.
      checked: whether `check` has noted which files are cut short.
    """

    def __init__(self, listing: Listing, cut: Cut, checked: bool = False) -> None:
        self.root, self.cut, self.checked = listing.root, cut, checked
        self.files = np.array(listing.files)  # one flat buffer: cheap to pickle
        self._label = None
        if listing.label is not None:
            self._label = np.repeat(listing.label.astype(np.int32), cut.clips)

    def __len__(self) -> int:
        return len(self.files) * self.cut.clips

    def __getitem__(self, index: Any) -> Batch:
        if np.ndim(index) == 0:
            found = {"video": self._read(int(index))}
        else:
            found = {"video": np.stack([self._read(int(i)) for i in index])}
        return found if self._label is None else {**found, "label": self._label[index]}

    def labels(self) -> np.ndarray | None:
        """int32 [N]; None where nothing says the classes."""
        return self._label

    def fingerprint(self) -> str:
        """A hash of names, labels, file sizes and of what a clip is."""
        digest = hashlib.sha256(repr(tuple(self.cut)).encode())
        for i, name in enumerate(self.files):
            label = None if self._label is None else self._label[i * self.cut.clips]
            line = f"{name} {label} {(self.root / str(name)).stat().st_size}\n"
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]

    def check(self) -> None:
        """Reads the packets of every file without decoding, and notes which are truncated.

        Raises:
          UserError: naming the first file that is no video or too short, and how many there are.
        """

        short: list[str] = []

        def trouble(name: str) -> str | None:
            file = self.root / str(name)
            try:
                times, lacking = read_packets(file)
                if lacking:
                    short.append(f"{name}: {lacking}")
                self.cut.places(0, len(times), file)
            except UserError as error:
                return str(error)
            return None

        with ThreadPoolExecutor(8) as pool:
            found = [words for words in pool.map(trouble, self.files) if words]
        if found:
            more = f" ({len(found) - 1} more files cannot be used)" if len(found) > 1 else ""
            raise UserError(found[0] + more)
        if short:
            note(
                f"{self.root}: {len(short)} files are cut short, and what is left of them is read "
                f"({shown(sorted(short))})"
            )
        self.checked = True

    def _read(self, index: int) -> np.ndarray:
        index %= len(self)
        file, clip = divmod(index, self.cut.clips)
        return read_clip(self.root / str(self.files[file]), clip, self.cut, quiet=self.checked)


@dataclass(frozen=True)
class VideoFolder(Ranged):
    """Video files on disk, streamed or, if they fit, held in memory: `pip install jssl[video]`.

    Layouts: those of `ImageFolder` (a folder per class, perhaps in `train`, `validation` and
    `test`); lists of files, such as UCF-101's; or files without classes in one folder. Missing
    splits are created from whole files, so that no file is in two.

    The positions of clips in a file are fixed (see `clips`); a recipe draws a shorter part of each
    clip in every epoch (`jssl.augmentations.video.temporal_crop`).

    Attributes:
      path: the folder.
      frames: T, of a clip.
      stride: frames of the file from one to the next.
      size: height and width that frames are brought to: shorter side, then the centre.
      channels: 3 for RGB, 1 for grey.
      clips: in each file, spread evenly from its beginning to its end; one alone lies in the
        middle. They overlap where the file is short.
      train: list with a file a line, relative to `path`, and, optionally, its class after the
        delimiter. Unless every line of every list has a class, it is the name of the file's folder.
      validation: another list, or None to carve it.
      test: another list, or None to carve it.
      delimiter: between the columns of a list; " " for UCF-101's `trainlist01.txt`.
      header: whether the first line of a list is left out.
      name: of the data set; the folder's name when None.
      fraction: the part of train's files that is carved for a split that is not given.
      seed: of the carving.
      check: whether `load` reads the packets of every file, without decoding.
    """

    path: str
    frames: Count = 16
    stride: Count = 2
    size: Count = 112
    channels: Count = 3
    clips: Count = 1
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    delimiter: str = ","
    header: bool = False
    name: str | None = None
    fraction: Inside = 0.1
    seed: Seed = 0
    check: bool = True

    def smoke(self) -> MovingShapes:
        """A few procedural clips of the same shape in its place, for tests."""
        return replace(
            MovingShapes().smoke(), frames=self.frames, size=self.size, channels=self.channels
        )

    def load(self) -> Splits:
        """Lists the files; clips are decoded when they are read.

        Returns:
          Splits with `video` uint8 [T, size, size, channels] and, where there are classes, `label`
          int32.

        Raises:
          UserError: PyAV is missing, or there is no such folder, no video, a class that train
            lacks, or a file that is no video or too short.
        """
        library()
        cut = Cut(self.frames, self.stride, self.size, self.channels, self.clips)
        if min(cut) < 1 or self.channels not in (1, 3):
            raise UserError(
                "a video folder needs frames, stride, size and clips of at least 1, and 1 or 3 "
                f"channels, not {cut.frames}, {cut.stride}, {cut.size}, {cut.clips} and "
                f"{cut.channels}"
            )
        root = existing(self.path)
        listed, classes = self._listed(root)
        if self.check:
            for one in listed.values():
                ClipSource(one, cut).check()
        files = finish(
            *(
                ClipSource(listed[part], cut._replace(clips=1), self.check)
                if part in listed
                else None
                for part in ("train", "validation", "test")
            ),
            self.name or root.name,
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )
        parts = {p: _clips(getattr(files, p), cut) for p in ("train", "validation", "test")}
        return replace(files, **parts)

    def _listed(self, root: Path) -> tuple[dict[str, Listing], tuple[str, ...]]:
        if self.train is None:
            flat = list_flat(root, VIDEOS)
            return list_splits(self.path, VIDEOS) if flat is None else ({"train": flat}, ())
        lists = {"train": self.train, "validation": self.validation, "test": self.test}
        rows = {part: self._rows(path, root) for part, path in lists.items() if path is not None}
        named = all(len(row) > 1 and row[1].strip() for part in rows.values() for row in part)

        def class_of(row: list[str]) -> str:
            return row[1].strip() if named else Path(row[0]).parent.name

        classes = tuple(sorted({class_of(row) for row in rows["train"]}))
        found = {}
        for part, own in rows.items():
            names = [class_of(row) for row in own]
            unknown = sorted(set(names) - set(classes))
            if unknown:
                raise UserError(f"{lists[part]} has the class {unknown[0]!r}, which train lacks")
            label = np.asarray([classes.index(name) for name in names], np.int32)
            found[part] = Listing(root, [row[0] for row in own], label)
        return found, classes

    def _rows(self, path: str, root: Path) -> list[list[str]]:
        found = read_rows(read_text(Path(path).expanduser()), path, self.delimiter)
        rows = [row.cells for row in found[int(self.header) :]]
        if not rows:
            raise UserError(f"{path} has no lines; it needs a video file in each")
        for row in rows:
            inside(root, row[0], path)
        return rows


def _clips(files: Source, cut: Cut) -> Source:
    """A source of files, perhaps a part of it, as one of all their clips."""
    part = isinstance(files, SubsetSource)
    source = files.source if part else files
    label = source.labels()
    whole = ClipSource(Listing(source.root, source.files.tolist(), label), cut, source.checked)
    if not part:
        return whole
    return SubsetSource(whole, (files.indices[:, None] * cut.clips + np.arange(cut.clips)).ravel())
