"""Long series cut into windows of a past and a future: the ETT data, and procedural seasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Ranged, Seed
from jssl.data.checks import LARGEST_RAW, by_axes, finite, standardised, train_scale
from jssl.data.notes import note
from jssl.data.order import random_words
from jssl.data.series_files import read_columns
from jssl.data.source import Batch, Splits
from jssl.errors import UserError


class WindowSource:
    """All windows of a long series: `series` float32 [length, C] and its continuation, `future`.

    Args:
      values: float32 [T, C].
      length: steps of the past.
      horizon: steps of the future.
      first: start of the first window.
      count: number of windows, one per step.
    """

    def __init__(
        self, values: np.ndarray, length: int, horizon: int, first: int, count: int
    ) -> None:
        self.values, self.length, self.horizon = values, length, horizon
        self.first, self.count = first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: Any) -> Batch:
        start = np.asarray(index)[..., None] + self.first
        past = self.values[start + np.arange(self.length)]
        future = self.values[start + self.length + np.arange(self.horizon)]
        return {"series": past, "future": future}


class PanelSource(WindowSource):
    """The windows of several series, which stand one after the other in `values`.

    Args:
      values: float32 [T, C], of all series.
      length: steps of the past.
      horizon: steps of the future.
      starts: of the windows, int64 [N].
    """

    def __init__(self, values: np.ndarray, length: int, horizon: int, starts: np.ndarray) -> None:
        super().__init__(values, length, horizon, 0, len(starts))
        self.starts = starts

    def __getitem__(self, index: Any) -> Batch:
        return super().__getitem__(self.starts[index])


def panel_windows(
    series: Sequence[np.ndarray],
    borders: Sequence[tuple[int, int, int]],
    length: int,
    horizon: int,
    where: str = "the series",
) -> Splits:
    """Windows of several series, each divided in time and standardised by its own training part.

    Args:
      series: each [T, C], of one C.
      borders: of each series, as in `windows`.
      length: steps of the past.
      horizon: steps of the future.
      where: what holds the values, for messages.

    Returns:
      Splits of `PanelSource`, without labels. A part of a series that is too short for a window
      gives none, which a note counts.

    Raises:
      UserError: a split has no window, or a value is not finite.
    """
    place, kept, short, offset = by_axes("step", "column"), [], 0, 0
    starts: list[list[np.ndarray]] = [[], [], []]
    for values, (train, validation, test) in zip(series, borders, strict=True):
        whole = finite(values, where, place, largest=LARGEST_RAW).astype(np.float64)
        kept.append(standardised(whole, train_scale(whole[:train]), where, place))
        bounds = ((0, train), (train - length, validation), (validation - length, test))
        for own, (start, end) in zip(starts, bounds, strict=True):
            first = max(start, 0)
            count = max(end - first - length - horizon + 1, 0)
            short += not count
            own.append(np.arange(count) + first + offset)
        offset += len(values)
    if short:
        note(
            f"{where}: {short} of {3 * len(kept)} parts of series are shorter than a past of "
            f"{length} and a future of {horizon} steps and give no window"
        )
    found = [np.concatenate(own) for own in starts]
    for name, own in zip(("train", "validation", "test"), found, strict=True):
        if not len(own):
            raise UserError(
                f"{where}: no series has a window of {length} and {horizon} steps in the {name} "
                "split; give shorter ones with --length and --horizon, or larger shares"
            )
    joined = np.concatenate(kept)
    return Splits(*(PanelSource(joined, length, horizon, own) for own in found), name="windows")


def windows(
    values: np.ndarray,
    borders: tuple[int, int, int],
    length: int,
    horizon: int,
    where: str = "the series",
) -> Splits:
    """Train, validation and test windows of one long series, standardised by its training part.

    A window belongs to the split in which its future begins and ends; its past may reach back into
    the split before, as in the published protocol (Zhou et al., "Informer", 2021).

    Args:
      values: [T, C].
      borders: ends of the training, validation and test part, in steps.
      length: steps of the past.
      horizon: steps of the future.
      where: what holds the values, for messages.

    Returns:
      Splits of `WindowSource`, without labels. A column that is constant in the training part is
      centred but not scaled.

    Raises:
      UserError: a part is too short for one window, or a value is not finite.
    """
    train, validation, test = borders
    if len(values) < test:
        raise UserError(f"{where} has {len(values)} steps and its splits need {test}")
    place = by_axes("step", "column")
    values = finite(values, where, place, largest=LARGEST_RAW).astype(np.float64)
    values = standardised(values, train_scale(values[:train]), where, place)
    parts = []
    for start, end in ((0, train), (train - length, validation), (validation - length, test)):
        count = end - start - length - horizon + 1
        if count < 1 or start < 0:
            raise UserError(
                f"a past of {length} and a future of {horizon} steps do not fit a part of "
                f"{end - start} steps"
            )
        parts.append(WindowSource(values, length, horizon, start, count))
    return Splits(*parts, name="windows")


@dataclass(frozen=True)
class ETT(Ranged):
    """Electricity transformer temperature, hourly: 12, 4 and 4 months (Zhou et al., 2021).

    Attributes:
      path: of `ETTh1.csv` or `ETTh2.csv`, also with `.gz`.
      length: hours of the past.
      horizon: hours of the future.
    """

    path: str
    length: Count = 336
    horizon: Count = 96

    def smoke(self) -> Seasons:
        """A short procedural series in its place, for tests."""
        hours = (self.length + self.horizon + 64, self.horizon + 16, self.horizon + 16)
        return Seasons(hours, self.length, self.horizon)

    def load(self) -> Splits:
        """Reads the file.

        Returns:
          Splits with `series` float32 [length, 7] and `future` float32 [horizon, 7].

        Raises:
          UserError: see `jssl.data.series_files.read_columns` and `windows`.
        """
        path = Path(self.path).expanduser()
        values, _ = read_columns(path)
        month = 30 * 24
        borders = (12 * month, 16 * month, 20 * month)
        found = windows(values, borders, self.length, self.horizon, str(path))
        return replace(found, name=path.name.split(".")[0])


@dataclass(frozen=True)
class Seasons(Ranged):
    """A procedural series in 7 channels: daily and weekly cycles, slow drift, autocorrelated noise.

    Attributes:
      hours: (train, validation, test), in steps.
      length: steps of the past.
      horizon: steps of the future.
      seed: of the whole set, unrelated to the run's seed.
    """

    hours: tuple[Count, Count, Count] = (4000, 1000, 1000)
    length: Count = 96
    horizon: Count = 24
    seed: Seed = 0

    def smoke(self) -> Seasons:
        """A copy with a few hundred steps, for tests."""
        return replace(self, hours=(500, 60, 60), horizon=24)

    def load(self) -> Splits:
        """Draws the series.

        Returns:
          Splits with `series` float32 [length, 7] and `future` float32 [horizon, 7].
        """
        total, channels = sum(self.hours), 7
        raw = random_words(self.seed, "seasons", 4 * (total * channels + channels))
        u = (raw >> np.uint64(11)).astype(np.float64).reshape(-1, channels) / 2.0**53
        own, u = u[:4], u[4:]
        t = np.arange(total)[:, None]
        noise = u[:total] + u[total : 2 * total] + u[2 * total : 3 * total] - 1.5
        for step in range(1, total):
            noise[step] += 0.8 * noise[step - 1]
        value = np.sin(2 * np.pi * (t / 24 + own[0])) + 0.5 * np.sin(4 * np.pi * (t / 24 + own[1]))
        value = value + 0.5 * np.sin(2 * np.pi * (t / 168 + own[2])) + t / total * own[3]
        ends = np.cumsum(self.hours)
        found = windows(value + 0.5 * noise, tuple(map(int, ends)), self.length, self.horizon)
        return replace(found, name="seasons")
