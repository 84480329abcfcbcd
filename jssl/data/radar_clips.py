"""RadHAR as clips: projections of the radar's points onto three planes over time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jssl.core.ranges import Count, Positive
from jssl.data.clips import MovingShapes
from jssl.data.radar import RadHAR, Recording
from jssl.data.source import ArraySource
from jssl.errors import UserError

SIDES = ((0, 2), (0, 1), (1, 2))  # (across, up): from the front, from above, from the side


@dataclass(frozen=True)
class RadHARClips(RadHAR):
    """RadHAR (Singh et al., 2019), five activities; a clip is a window of time.

    The authors count points in voxels. Here they are counted in the pixels of three projections
    (front, top and side, centred at the median of the window's points), so that video encoders can
    be used. Splits are those of `RadHAR`.

    Attributes:
      images: T, pictures in a clip; must divide `frames`, and each counts as many frames.
      size: height and width in pixels.
      reach: from the middle of a picture to its sides, metres.
      points: not used.
    """

    images: Count = 12
    size: Count = 32
    reach: Positive = 1.25

    def smoke(self) -> MovingShapes:
        """A few procedural clips of three channels in its place, for tests."""
        return replace(MovingShapes().smoke(), frames=self.images, size=self.size, channels=3)

    def _windows(self, part: str, recordings: list[Recording], classes: tuple) -> ArraySource:
        if self.frames % self.images:
            raise UserError(f"{self.frames} frames are not a multiple of {self.images} pictures")
        clips, labels = [], []
        for recording in recordings:
            for first in range(0, len(recording.frames) - self.frames, self.step):
                bounds = recording.frames[
                    first : first + self.frames + 1 : self.frames // self.images
                ]
                if bounds[0] < bounds[-1]:
                    clips.append(self._clip(recording.xyz, bounds))
                    labels.append(classes.index(recording.name))
        if not clips:
            raise UserError(
                f"{self.path}: the {part} recordings have no window of {self.frames} frames"
            )
        return ArraySource({"video": np.stack(clips), "label": np.asarray(labels, np.int32)})

    def _clip(self, xyz: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """uint8 [T, size, size, 3]: 64 grey levels a point."""
        points = xyz[bounds[0] : bounds[-1]]
        time = np.repeat(np.arange(self.images), np.diff(bounds))
        place = (points - np.median(points, axis=0)) / self.reach
        cell = np.floor((place + 1) * (self.size / 2)).astype(np.int64)
        counts = np.zeros((self.images, self.size, self.size, len(SIDES)), np.int64)
        for channel, (across, up) in enumerate(SIDES):
            column, row = cell[:, across], self.size - 1 - cell[:, up]
            seen = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < self.size)
            np.add.at(counts, (time[seen], row[seen], column[seen], channel), 64)
        return np.minimum(counts, 255).astype(np.uint8)
