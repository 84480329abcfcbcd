"""RadHAR: human activity as point clouds from a millimetre-wave radar."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.array_fields import check_bounds, check_fields, check_range
from jssl.data.checks import by_axes, finite, parse_number
from jssl.data.clouds import pad
from jssl.data.listing import Kind, files_in, split_folders
from jssl.data.notes import note, shown
from jssl.data.npz import read_npz
from jssl.data.order import random_words
from jssl.data.solids import Solids
from jssl.data.source import ArraySource, Splits
from jssl.data.text_files import read_text
from jssl.errors import UserError


class Recording(NamedTuple):
    """One recording.

    Attributes:
      name: of its class.
      test: whether it is one of the test recordings.
      xyz: float [points, 3], metres.
      frames: int [frames + 1], where each frame begins among the points, and the end.
    """

    name: str
    test: bool
    xyz: np.ndarray
    frames: np.ndarray


_RECORDINGS = Kind("recording", (".txt",))


@dataclass(frozen=True)
class RadHAR(Ranged):
    """RadHAR (Singh et al., 2019), five activities; a cloud holds the points of a time window.

    Validation is carved by whole recordings, so that no recording is in two splits. The paper's
    windows are 60 frames (2 s), moved on by 10.

    Attributes:
      path: the folder `Data` with `{Train,Test}/<class>/*.txt` as published, or one `.npz` file
        with `xyz_x512` int [points, 3] (1/512 m), `frame_offsets` and `recording_offsets` (first
        point of each frame, first frame of each recording, and the ends), `recording_label`,
        `recording_is_test` and `class_names`.
      frames: in a window.
      step: frames from one window to the next.
      points: of a cloud at most; a random choice where there are more.
      fraction: the share of the training recordings of a class that are for validation.
      seed: of the carving and of the choice of points.
    """

    path: str
    frames: Count = 60
    step: Count = 30
    points: Count = 512
    fraction: Inside = 0.15
    seed: Seed = 0

    def smoke(self) -> Solids:
        """A few procedural clouds in its place, for tests."""
        return Solids().smoke()

    def load(self) -> Splits:
        """Reads the recordings and cuts them into windows.

        Returns:
          Splits with `points/xyz` float32 [points, 3], `points/valid` bool [points] and `label`
          int32.

        Raises:
          UserError: when a file is missing or is not what it should be.
        """
        path = Path(self.path).expanduser()
        recordings = list(_compact(path) if path.is_file() else _published(path))
        if not recordings:
            raise UserError(f"{path} has no recordings Train/<class>/*.txt")
        short = [r.name for r in recordings if len(r.frames) <= self.frames]
        if short:
            note(
                f"{path}: {len(short)} of {len(recordings)} recordings are shorter than a window "
                f"of {self.frames} frames and give none (of {shown(short)})"
            )
        classes = tuple(sorted({r.name for r in recordings}))
        parts: dict[str, list] = {"train": [], "validation": [], "test": []}
        for name in classes:
            own = [r for r in recordings if r.name == name and not r.test]
            order = np.argsort(random_words(self.seed, f"radhar {name}", len(own)), kind="stable")
            held = set(order[: round(self.fraction * len(own))].tolist())
            for i, recording in enumerate(own):
                parts["validation" if i in held else "train"].append(recording)
            parts["test"] += [r for r in recordings if r.name == name and r.test]
        return Splits(
            **{part: self._windows(part, found, classes) for part, found in parts.items()},
            name="radhar",
            classes=classes,
        )

    def _windows(self, part: str, recordings: list[Recording], classes: tuple) -> ArraySource:
        clouds, labels = [], []
        for number, recording in enumerate(recordings):
            words = random_words(self.seed, f"radhar {part} {number}", len(recording.xyz))
            for first in range(0, len(recording.frames) - self.frames, self.step):
                start, stop = recording.frames[first], recording.frames[first + self.frames]
                if start < stop:
                    # The order is random as well: the first points of a cloud stand for all.
                    chosen = start + np.argsort(words[start:stop], kind="stable")[: self.points]
                    clouds.append(recording.xyz[chosen])
                    labels.append(classes.index(recording.name))
        if not clouds:
            raise UserError(
                f"{self.path}: the {part} recordings have no window of {self.frames} frames"
            )
        return ArraySource({**pad(clouds, self.points), "label": np.asarray(labels, np.int32)})


def _compact(path: Path) -> Iterator[Recording]:
    arrays = read_npz(path)
    fields = {
        **{"xyz_x512": ("iu", 2), "frame_offsets": ("iu", 1), "recording_offsets": ("iu", 1)},
        **{"recording_label": ("iu", 1), "recording_is_test": ("biu", 1), "class_names": ("US", 1)},
    }
    check_fields(arrays, path, fields)
    xyz, frames, bounds, label, test, names = (arrays[key] for key in fields)
    if xyz.shape[1] != 3 or not len(label) or len(label) != len(test):
        raise UserError(
            f"{path} needs xyz_x512 [points, 3] and as many recording_is_test as recording_label, "
            f"not {list(xyz.shape)}, {len(test)} and {len(label)}"
        )
    if len(bounds) != len(label) + 1:
        raise UserError(
            f"{path} has {len(bounds)} recording_offsets for {len(label)} recordings and the end"
        )
    check_bounds(frames, len(xyz), path, "frame_offsets")
    check_bounds(bounds, len(frames) - 1, path, "recording_offsets")
    check_range(label, len(names), path, "recording_label")
    check_range(test, 2, path, "recording_is_test")
    for r in range(len(label)):
        own = frames[bounds[r] : bounds[r + 1] + 1].astype(np.int64)
        points = xyz[own[0] : own[-1]].astype(np.float32) / 512
        yield Recording(str(names[label[r]]), bool(test[r]), points, own - own[0])


def _published(path: Path) -> Iterator[Recording]:
    folders = split_folders(path) if path.is_dir() else {}
    for part in ("train", "test"):
        for file in files_in(folders[part], _RECORDINGS) if part in folders else ():
            if file.parents[1] == folders[part]:
                yield Recording(file.parent.name, part == "test", *_messages(file))


def _messages(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points and frames of a recording: a message a point, a new frame where `point_id` is 0."""
    words = read_text(path).split()
    found: dict[str, list[float]] = {"point_id:": [], "x:": [], "y:": [], "z:": []}
    try:
        for name, value in itertools.pairwise(words):
            if name in found:
                found[name].append(parse_number(value))
        number, *columns = (np.asarray(column) for column in found.values())
        xyz = np.stack(columns, axis=1)
        if not len(xyz) or len(number) != len(xyz):
            raise ValueError("it has no points, or some lack a number")
    except ValueError as error:
        reason = str(error)[:120]
        raise UserError(f"{path} has no messages with point_id, x, y and z ({reason})") from None
    finite(number, f"point_id of {path}", by_axes("message"))
    finite(xyz, path, lambda index: f"message {index[0] + 1}, {'xyz'[index[1]]}")
    # What comes before the first point 0 is the end of a frame that began before the recording.
    starts = np.union1d([0], np.flatnonzero(number == 0))
    return xyz.astype(np.float32), np.append(starts, len(xyz))
