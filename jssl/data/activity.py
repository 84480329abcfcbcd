"""What a person does, as the accelerometer and the gyroscope of a phone or a watch see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.data.npz import read_npz
from jssl.data.order import random_words
from jssl.data.series import Waves
from jssl.data.source import ArraySource, Splits
from jssl.errors import UserError

CHANNELS = ("x_acc", "y_acc", "z_acc", "x_gyro", "y_gyro", "z_gyro")
DEVICES = ("sp", "sw")
_GRAVITY = 9.80665  # m/s^2


class Recording(NamedTuple):
    """One recording.

    Attributes:
      subject: who is seen.
      milliseconds: float [T], in order.
      values: float [T, 6], m/s^2 and rad/s.
      names: str [T], what is done at each time.
    """

    subject: str
    milliseconds: np.ndarray
    values: np.ndarray
    names: np.ndarray


@dataclass(frozen=True)
class PhoneAndWatch:
    """People who stand up, walk, turn and sit down (Matey-Sanz et al., Data in Brief, 2023).

    223 recordings of 23 people at about 100 Hz, five activities. They are read at even times and
    cut into windows; the label is what is done for most of a window. There is no published split:
    no person is in two of these.

    Attributes:
      path: the folder `DATA` with `sNN/sNN_MM_sp.csv` as published, or one `.npz` file with
        `imu_int16` [T, 6], `scale` [6], `t_ms`, `label` and `offsets` (first row of each recording,
        and the end), `subject` of each recording and `class_names`.
      device: "sp" for the phone, "sw" for the watch; of a folder alone.
      rate: even times a second.
      length: times in a window.
      step: times from one window to the next.
      validation: people whose recordings are for validation.
      test: people whose recordings are for the test.
      seed: of the choice of people.
    """

    path: str
    device: str = "sp"
    rate: float = 50.0
    length: int = 64
    step: int = 32
    validation: int = 4
    test: int = 6
    seed: int = 0

    def smoke(self) -> Waves:
        """A few procedural series in its place, for tests."""
        return Waves(channels=len(CHANNELS), length=self.length).smoke()

    def load(self) -> Splits:
        """Reads the recordings and cuts them into windows.

        Returns:
          Splits with `series` float32 [length, 6], in units of gravity and rad/s, and `label`
          int32.

        Raises:
          UserError: when a file is missing or is not what it should be, a number cannot be right,
            or people are too few.
        """
        path = Path(self.path).expanduser()
        if self.device not in DEVICES:
            raise UserError(f"no device is called {self.device!r}: there are {', '.join(DEVICES)}")
        if min(self.rate, self.length, self.step) <= 0:
            raise UserError(
                f"rate, length and step must be positive, not {self.rate}, {self.length} and "
                f"{self.step}"
            )
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
        for recording in recordings:
            windows[part[recording.subject]] += self._windows(recording, classes)
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
            raise UserError(f"the {part} recordings have no window of {self.length} times")
        series, label = zip(*windows, strict=True)
        return ArraySource({"series": np.stack(series), "label": np.asarray(label, np.int32)})


def _compact(path: Path) -> Iterator[Recording]:
    arrays = read_npz(path)
    wanted = ("imu_int16", "scale", "t_ms", "label", "offsets", "subject", "class_names")
    lacking = [key for key in wanted if key not in arrays]
    if lacking:
        raise UserError(f"{path} lacks the arrays {', '.join(lacking)}")
    imu, scale, time, label, offsets, subject, names = (arrays[key] for key in wanted)
    for r in range(len(subject)):
        own = slice(int(offsets[r]), int(offsets[r + 1]))
        values = imu[own].astype(np.float64) * scale
        yield Recording(
            f"s{int(subject[r]):02d}", time[own].astype(float), values, names[label[own]]
        )


def _published(path: Path, device: str) -> Iterator[Recording]:
    for file in sorted(path.glob(f"*/*_{device}.csv")):
        lines = file.read_text().splitlines()
        header = lines[0].split(",") if lines else []
        wanted = (*CHANNELS, "timestamp", "label")
        lacking = [name for name in wanted if name not in header]
        if lacking or len(lines) < 2:
            raise UserError(f"{file} has no rows, or no columns {', '.join(lacking or wanted)}")
        rows = [line.split(",") for line in lines[1:]]
        try:
            table = np.asarray(rows)[:, [header.index(name) for name in wanted]]
            numbers = table[:, :-1].astype(np.float64)
        except (ValueError, IndexError) as error:
            raise UserError(f"{file} is no table of numbers ({error})") from None
        yield Recording(file.parent.name, numbers[:, -1], numbers[:, :-1], table[:, -1])
