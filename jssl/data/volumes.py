"""Volumes [D, H, W, C] of any depth, number of channels and type, in a `.npz` or `.npy` file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Interval, Naturals, Ranged
from jssl.data.bands import fit, pick, rescale
from jssl.data.clips import MovingShapes
from jssl.data.image_arrays import Read, read_arrays
from jssl.data.source import ArraySource, Splits
from jssl.data.splitting import PARTS, SplitRule
from jssl.errors import UserError


@dataclass(frozen=True)
class VolumeArrays(Ranged):
    """Volumes [N, D, H, W], [N, D, H, W, C] or [N, C, D, H, W] of a file, in memory.

    Names of arrays are those of `jssl.data.image_arrays.ImageArrays`, and `volume` or `video`.
    Slices are brought to one size as images are, and the number of slices by linear interpolation.
    Volumes of 8 bits are uint8; others become float32 in [0, 1] by `limits`.

    Attributes:
      path: of the file.
      size: height and width: the shorter side is resized, then the centre is cropped.
      depth: number of slices.
      limits: (low, high) of each channel, which become 0 and 1; () for 8 bits.
      label: "none" leaves the labels of the file out; None takes them.
      group: "group" takes the array of that name; None for none.
      split: how missing splits are drawn.
      bands: of the channels, from 1, those that are kept; () for all.
    """

    path: str
    size: Count = 64
    depth: Count = 16
    limits: tuple[Interval, ...] = ()
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)
    bands: Naturals = ()

    def smoke(self) -> MovingShapes:
        """A few procedural clips in its place, for tests."""
        return replace(MovingShapes().smoke(), frames=self.depth, size=self.size)

    def read(self) -> Read:
        """The file's arrays, unscaled; see `jssl.data.image_arrays.read_arrays`."""
        read = read_arrays(self.path, self.label, self.group, self.split, axes=3)
        return read._replace(image=pick(read.image, self.bands, None, self.path))

    def load(self) -> Splits:
        """Reads, resizes and scales the volumes.

        Returns:
          Splits with `video` [depth, size, size, C], uint8 or float32, and, where there are labels,
          `label` int32, or `tags` uint8 [K] where a volume may have several.

        Raises:
          UserError: see `read`.
        """
        read = self.read()
        if read.image.dtype != np.uint8 and not self.limits:
            raise UserError(
                f"{self.path} has volumes of {read.image.dtype}; those of 8 bits are uint8, and "
                "others need limits, the (low, high) of each channel that become 0 and 1"
            )
        arrays = {"video": np.stack([self.decoded(own) for own in read.image]), **read.targets}
        sources = {
            part: ArraySource({key: value[read.parts[part]] for key, value in arrays.items()})
            for part in PARTS
        }
        name = Path(self.path).stem
        return Splits(**sources, name=name, classes=read.classes, tags=read.tags)

    def decoded(self, volume: np.ndarray) -> np.ndarray:
        """One volume as it is stored: [depth, size, size, C], uint8 or float32 in [0, 1]."""
        slices = np.stack([fit(one, self.size) for one in volume])
        found = _resampled(slices, self.depth)
        return rescale(found, self.limits) if self.limits else found


def _resampled(slices: np.ndarray, depth: int) -> np.ndarray:
    """Another number of slices over the same extent, interpolated between the centres of two."""
    if len(slices) == depth:
        return slices
    place = (np.arange(depth) + 0.5) * len(slices) / depth - 0.5
    place = np.clip(place, 0, len(slices) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(slices) - 1)
    share = (place - low).astype(np.float32)[:, None, None, None]
    mixed = (1 - share) * slices[low] + share * slices[high]
    return (
        mixed.astype(np.float32) if slices.dtype != np.uint8 else np.round(mixed).astype(np.uint8)
    )
