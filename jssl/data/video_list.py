"""Video files of a folder with labels, groups and splits, as clips."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Ranged
from jssl.data.clips import MovingShapes
from jssl.data.file_list import FileList
from jssl.data.listing import Listing
from jssl.data.source import Splits, SubsetSource
from jssl.data.video_files import Cut, library
from jssl.data.video_folder import VIDEOS, ClipSource
from jssl.errors import UserError


@dataclass(frozen=True)
class VideoFiles(Ranged):
    """Video files of a folder, flat or nested, streamed or held in memory.

    `jssl.data.VideoFolder` reads lists of files; here files, labels, groups and splits are those of
    a `FileList`, and all clips of a file are in one split.

    Attributes:
      files: which files, with labels, groups and splits.
      frames: T, of a clip.
      stride: frames of the file from one to the next.
      size: height and width: the shorter side is resized, then the centre is cropped.
      channels: 3 for RGB, 1 for grey.
      clips: in each file, spread evenly over it.
      check: whether `load` reads the packets of every file, without decoding.
    """

    files: FileList = field(default_factory=lambda: FileList("videos"))
    frames: Count = 16
    stride: Count = 2
    size: Count = 112
    channels: Count = 3
    clips: Count = 1
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
          UserError: PyAV is missing; see `FileList.listed`; or a file is no video or too short.
        """
        library()
        if self.channels not in (1, 3):
            raise UserError(f"videos have 1 or 3 channels here, not {self.channels}")
        listed = self.files.listed(VIDEOS)
        if listed.tags is not None:
            raise UserError(
                f"{self.files.label} gives several labels to a video, which are not read: give one "
                "each, or say --label none"
            )
        cut = Cut(self.frames, self.stride, self.size, self.channels, self.clips)
        source = ClipSource(Listing(listed.root, listed.files, listed.label), cut)
        if self.check:
            source.check()
        parts = {
            part: SubsetSource(source, (rows[:, None] * self.clips + np.arange(self.clips)).ravel())
            for part, rows in listed.parts.items()
        }
        return Splits(**parts, name=Path(self.files.path).name, classes=listed.classes)
