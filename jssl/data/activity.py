"""Human activity from the accelerometer and the gyroscope of a phone or a watch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Count, Positive, Ranged, Seed
from jssl.data.array_fields import check_bounds, check_fields, check_range
from jssl.data.checks import Place, by_axes, finite, parse_number
from jssl.data.delimited import MISSING
from jssl.data.notes import note, repeated, shown
from jssl.data.npz import read_npz
from jssl.data.order import random_words
from jssl.data.series import Waves
from jssl.data.source import ArraySource, Splits
from jssl.data.text_files import read_rows, read_text
from jssl.errors import UserError

CHANNELS = ("x_acc", "y_acc", "z_acc", "x_gyro", "y_gyro", "z_gyro")
DEVICES = ("sp", "sw")
_LONGEST_HOURS = 1000  # of a recording
_GRAVITY = 9.80665  # m/s^2


class Recording(NamedTuple):
    """One recording.

    Attributes:
      subject: identifies the person.
      milliseconds: float [T], in order.
      values: float [T, 6], m/s^2 and rad/s.
      names: str [T], the activity at each time.
    """

    subject: str
    milliseconds: np.ndarray
    values: np.ndarray
    names: np.ndarray


@dataclass(frozen=True)
class PhoneAndWatch(Ranged):
    """People who stand up, walk, turn and sit down (Matey-Sanz et al., Data in Brief, 2023).

    223 recordings of 23 people at about 100 Hz, five activities. They are resampled at even times
    and cut into windows; the label is the activity in most of a window. There is no published
    split; here no person is in two splits.

    Attributes:
      path: the folder `DATA` with `sNN/sNN_MM_sp.csv` as published, or one `.npz` file with
        `imu_int16` [T, 6], `scale` [6], `t_ms`, `label` and `offsets` (first row of each recording,
        and the end), `subject` of each recording and `class_names`.
      device: "sp" for the phone, "sw" for the watch; only for a folder.
      rate: samples per second after resampling.
      length: samples in a window.
      step: samples from one window to the next.
      validation: people whose recordings are for validation.
      test: people whose recordings are for the test.
      seed: of the choice of people.
    """

    path: str
    device: str = "sp"
    rate: Positive = 50.0
    length: Count = 64
    step: Count = 32
    validation: Count = 4
    test: Count = 6
    seed: Seed = 0

    def smoke(self) -> Waves:
        """A few procedural series in its place, for tests."""
        return Waves(channels=len(CHANNELS), length=self.length).smoke()

    def load(self) -> Splits:
        """Reads the recordings and cuts them into windows.

        Returns:
          Splits with `series` float32 [length, 6], in units of gravity and rad/s, and `label`
          int32.

        Raises:
          UserError: when a file is missing or invalid, or there are too few people.
        """
        path = Path(self.path).expanduser()
        if self.device not in DEVICES:
            raise UserError(f"no device is called {self.device!r}: there are {', '.join(DEVICES)}")
        recordings = list(_compact(path) if path.is_file() else _published(path, self.device))
        if not recordings:
            raise UserError(f"{path} has no recordings s*/s*_{self.device}.csv")
        people = sorted({r.subject for r in recordings})
        held = self.validation + self.test
        if min(self.validation, self.test) < 1 or held >= len(people):
            raise UserError(
                f"{path} has recordings of {len(people)} people: {self.validation} for validation "
                f"and {self.test} for the test leave nobody, or one of them is not positive"
            )
        order = np.argsort(random_words(self.seed, "phone and watch", len(people)), kind="stable")
        part = {people[k]: "train" for k in order[held:]}
        part |= {people[k]: "validation" for k in order[: self.validation]}
        part |= {people[k]: "test" for k in order[self.validation : held]}
        classes = tuple(sorted({str(name) for r in recordings for name in r.names}))
        windows: dict[str, list] = {"train": [], "validation": [], "test": []}
        short = []
        for recording in recordings:
            found = self._windows(recording, classes)
            windows[part[recording.subject]] += found
            short += [] if found else [recording.subject]
        if short:
            note(
                f"{path}: {len(short)} of {len(recordings)} recordings are shorter than a window "
                f"of {self.length} times and give none (of {shown(short)})"
            )
        return Splits(
            **{name: self._source(name, found) for name, found in windows.items()},
            name="phone_and_watch",
            classes=classes,
        )

    def _windows(
        self, recording: Recording, classes: tuple[str, ...]
    ) -> list[tuple[np.ndarray, int]]:
        seconds = (recording.milliseconds - recording.milliseconds[0]) / 1000
        times = np.arange(0.0, seconds[-1], 1 / self.rate)
        even = [np.interp(times, seconds, column) for column in recording.values.T]
        series = np.stack(even, axis=1) / np.asarray([_GRAVITY] * 3 + [1.0] * 3)
        before = np.searchsorted(seconds, times, side="right") - 1
        label = np.searchsorted(classes, recording.names[before])
        windows = []
        for first in range(0, len(times) - self.length + 1, self.step):
            own = slice(first, first + self.length)
            most = np.bincount(label[own], minlength=len(classes)).argmax()
            windows.append((series[own].astype(np.float32), int(most)))
        return windows

    def _source(self, part: str, windows: list[tuple[np.ndarray, int]]) -> ArraySource:
        if not windows:
            raise UserError(
                f"{self.path}: the {part} recordings have no window of {self.length} times"
            )
        series, label = zip(*windows, strict=True)
        return ArraySource({"series": np.stack(series), "label": np.asarray(label, np.int32)})


def _compact(path: Path) -> Iterator[Recording]:
    arrays = read_npz(path)
    fields = {
        **{"imu_int16": ("iu", 2), "scale": ("iuf", 1), "t_ms": ("iuf", 1), "label": ("iu", 1)},
        **{"offsets": ("iu", 1), "subject": ("iu", 1), "class_names": ("US", 1)},
    }
    check_fields(arrays, path, fields)
    imu, scale, time, label, offsets, subject, names = (arrays[key] for key in fields)
    rows = len(imu)
    if imu.shape[1:] != (6,) or len(scale) != 6 or not len(time) == len(label) == rows:
        raise UserError(
            f"{path} needs imu_int16 [T, 6], scale [6], t_ms [T] and label [T], not "
            f"{list(imu.shape)}, {list(scale.shape)}, {list(time.shape)} and {list(label.shape)}"
        )
    if not len(subject) or len(offsets) != len(subject) + 1:
        raise UserError(
            f"{path} has {len(offsets)} offsets for {len(subject)} recordings and the end"
        )
    check_bounds(offsets, rows, path, "offsets")
    check_range(label, len(names), path, "label")
    finite(scale, f"scale of {path}", by_axes("channel"))
    finite(time, f"t_ms of {path}", by_axes("row"))
    for r in range(len(subject)):
        own = slice(int(offsets[r]), int(offsets[r + 1]))
        values = imu[own].astype(np.float64) * scale
        finite(values, f"recording {r + 1} of {path}", by_axes("row", "channel"))
        recording = Recording(
            f"s{int(subject[r]):02d}", time[own].astype(float), values, names[label[own]]
        )
        _check_times(recording, f"recording {r + 1} of {path}")
        yield recording


def _published(path: Path, device: str) -> Iterator[Recording]:
    for file in sorted(path.glob(f"*/*_{device}.csv")):
        found = read_rows(read_text(file), file, ",")
        header = [name.strip() for name in found[0].cells] if found else []
        wanted = (*CHANNELS, "timestamp", "label")
        lacking = [name for name in wanted if name not in header]
        if lacking or len(found) < 2:
            raise UserError(f"{file} has no rows, or no columns {', '.join(lacking or wanted)}")
        twice = [name for name in repeated(header) if name in wanted]
        if twice:
            raise UserError(f"{file} has two columns that are called {twice[0]!r}")
        places = [header.index(name) for name in wanted]
        numbers, names = [], []
        for line, cells in found[1:]:
            if len(cells) != len(header):
                raise UserError(
                    f"{file} is not a table of numbers: line {line} has {len(cells)} columns, not "
                    f"{len(header)}"
                )
            try:
                numbers.append([parse_number(cells[k].strip()) for k in places[:-1]])
            except ValueError as error:
                reason = str(error)[:80]
                said = f"{file} is not a table of numbers: line {line} ({reason})"
                raise UserError(said) from None
            names.append(cells[places[-1]].strip())
            if names[-1].lower() in MISSING:
                raise UserError(f"{file} line {line} has no label")
        values = np.asarray(numbers)
        lines = [row.line for row in found[1:]]
        finite(values, file, _words(lines))
        recording = Recording(file.parent.name, values[:, -1], values[:, :-1], np.asarray(names))
        _check_times(recording, str(file))
        yield recording


def _words(lines: list[int]) -> Place:
    return lambda index: f"line {lines[index[0]]}, {(*CHANNELS, 'timestamp')[index[1]]}"


def _check_times(recording: Recording, where: str) -> None:
    """Refuses decreasing timestamps and recordings that are implausibly long."""
    time = recording.milliseconds
    if not len(time):
        raise UserError(f"{where} has no rows")
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        raise UserError(f"{where}: the time goes back from row {back[0] + 1} to the next")
    hours = (time[-1] - time[0]) / 3.6e6
    if hours > _LONGEST_HOURS:
        raise UserError(
            f"{where} lasts {hours:.3g} hours by its times, which must be in milliseconds; more "
            f"than {_LONGEST_HOURS} hours are not read"
        )
