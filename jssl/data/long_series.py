"""One's own long series, rows in order of time: windows to forecast, and windows with labels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Ranged
from jssl.data.checks import LARGEST_RAW, finite, measurable
from jssl.data.class_labels import encode_labels
from jssl.data.column_types import number_columns
from jssl.data.forecasting import Seasons, panel_windows, windows
from jssl.data.gaps import fill_gaps
from jssl.data.long_rows import Rows, read_times_of, series_of, time_column
from jssl.data.notes import note
from jssl.data.row_files import (
    TABLES,
    column,
    label_texts,
    positions,
    read_rows,
)
from jssl.data.series import Waves
from jssl.data.series_file import ARRAYS, series_arrays
from jssl.data.source import ArraySource, Splits
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.times import parse_date
from jssl.errors import UserError

LONG = (*TABLES, *ARRAYS)


@dataclass(frozen=True)
class LongSeries(Ranged):
    """Any table of numbers in order of time, cut into windows of a past and a future.

    Splits follow each other in time, by shares or by dates. A window belongs to the split in which
    its future lies (`jssl.data.forecasting.windows`), and columns are standardised by the training
    part. Of several series, told apart by a column, each is divided and standardised on its own. A
    missing value takes the last one before it (`jssl.data.gaps.fill_gaps`).

    Attributes:
      path: a `.csv`, `.tsv` or `.parquet` file, or an `.npz` or `.npy` with one array float [T, C]
        or [T].
      length: steps of the past.
      horizon: steps of the future.
      time: the column of times, which is no channel; None finds one of dates, or one called so.
      use: names of the columns that are channels; () for all others.
      split: shares of the rows for validation and test, the last ones.
      split_at: instead of shares, the time at which validation begins and that at which the test
        part begins: two dates, numbers, or rows (counted from 0) where there is no time.
      panel: the column that tells several series apart; None for one series.
    """

    path: str
    length: Count = 96
    horizon: Count = 24
    time: str | None = None
    use: tuple[str, ...] = ()
    split: SplitRule = field(default_factory=lambda: SplitRule("time"))
    split_at: tuple[str, ...] = ()
    panel: str | None = field(default=None, metadata={"later": True})

    def smoke(self) -> Seasons:
        """A short procedural series in its place, for tests."""
        hours = (self.length + self.horizon + 64, self.horizon + 16, self.horizon + 16)
        return Seasons(hours, self.length, self.horizon)

    def load(self) -> Splits:
        """Reads the file.

        Returns:
          Splits with `series` float32 [length, C] and `future` float32 [horizon, C].

        Raises:
          UserError: a number is not finite, most of a column are missing, a column holds something
            else, a time cannot be read or does not rise, or a split is too short for one window.
        """
        path = Path(self.path).expanduser()
        rows = self.read()
        shape = self.length, self.horizon, str(path)
        if rows.series:
            parts = rows.parts()
            times = [None if rows.when is None else rows.when[own] for own in parts]
            ends = [self._ends(len(own), when) for own, when in zip(parts, times, strict=True)]
            found = panel_windows([rows.values[own] for own in parts], ends, *shape)
        else:
            found = windows(rows.values, self._ends(len(rows.values), rows.when), *shape)
        return replace(found, name=path.name.partition(".")[0])

    def read(self) -> Rows:
        """The rows of the file, series after series, with gaps filled."""
        path = Path(self.path).expanduser()
        if path.name.lower().endswith(ARRAYS):
            if self.panel is not None:
                raise UserError(f"--panel names a column of a table, and {path} is an array")
            values, when, names = _array(path), None, ()
            names = tuple(str(k + 1) for k in range(values.shape[1]))
            owner, series = np.zeros(len(values), np.int64), ()
        else:
            table = read_rows(path, narrow=True)
            order, owner, series = series_of(table, self.panel)
            place = time_column(table, self.time)
            when = None
            if place is not None:
                when = read_times_of(table, place, order, owner if series else None)
            several = None if self.panel is None else column(table, self.panel, "--panel")
            chosen = (
                positions(self.use, table, "--columns") if self.use else range(len(table.names))
            )
            kept = [k for k in chosen if k not in (place, several)]
            values = number_columns(table, kept)
            if not values.shape[1]:
                raise UserError(f"{path} has no column of numbers beside the time")
            words = {"missing": True, "largest": LARGEST_RAW}
            finite(values, str(path), lambda i: table.place(i[0], kept[i[1]]), **words)
            values, names = values[order], tuple(table.names[k] for k in kept)
        values, rows = fill_gaps(values, owner, names, str(path))
        return Rows(values, None if when is None else when[rows], names, owner[rows], series)

    def _ends(self, count: int, when: np.ndarray | None) -> tuple[int, int, int]:
        if not self.split_at:
            parts = replace(self.split, by="time").draw(count, f"rows of {self.path}")
            train = len(parts["train"])
            return train, train + len(parts["validation"]), count
        starts = [_row_at(text, when, self.path) for text in self.split_at]
        if len(starts) != 2 or not 0 < starts[0] < starts[1] < count:
            said = "" if when is None else f", of the times {when[0]} to {when[-1]}"
            raise UserError(
                f"--split-at {','.join(self.split_at)}: {self.path} has {count} rows{said}; give "
                "the begin of validation and, after it, that of the test part, each inside"
            )
        return starts[0], starts[1], count


def _row_at(text: str, when: np.ndarray | None, path: str) -> int:
    """The first row that is not before a time."""
    try:
        if when is None:
            return int(text)
        if when.dtype.kind == "M":
            return int(np.searchsorted(when, parse_date(text)))
        return int(np.searchsorted(when, float(text)))
    except ValueError:
        kind = "row" if when is None else "date" if when.dtype.kind == "M" else "number"
        raise UserError(
            f"--split-at: {text!r} is no {kind} as in {path}"
            + (f", such as {when[0]}" if when is not None else "")
        ) from None


def _array(path: Path) -> np.ndarray:
    """The one array of an `.npz` or `.npy` file as float64 [T, C]."""
    arrays = series_arrays(path)
    if len(arrays) != 1:
        raise UserError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; a series to forecast "
            "is one array [T, C] alone"
        )
    name, x = next(iter(arrays.items()))
    if x.dtype.kind not in "iuf" or x.ndim not in (1, 2) or not x.size:
        raise UserError(
            f"{path}: {name} must be numbers [T, C] or [T], not {x.dtype} {list(x.shape)}"
        )
    where = f"{path}: {name}"
    x = x.reshape(len(x), -1)
    words = {"missing": True, "largest": LARGEST_RAW}
    finite(x, where, lambda i: f"step {i[0]}, channel {i[1]}", **words)
    return x.astype(np.float64)


@dataclass(frozen=True)
class WindowedTable(Ranged):
    """A table of rows in order of time, cut into windows that may have labels.

    Windows stay inside a recording, which is a stretch of rows of one group, and inside a split.
    The label of a window is that of most of its rows. A missing value takes the last one before it
    in its recording (`jssl.data.gaps.fill_gaps`). A split by time divides the rows of each
    group, a split by group keeps each group whole, and a random one needs windows that do not
    overlap.

    Attributes:
      path: a `.csv`, `.tsv` or `.parquet` file.
      length: rows of a window.
      step: rows from the begin of one window to that of the next.
      label: the column of labels, or None.
      group: the column of groups, such as a person, or None.
      time: the column of times, which is no channel; None finds one.
      use: names of the columns that are channels; () for all others.
      split: how the splits are made.
    """

    path: str
    length: Count = 96
    step: Count = 48
    label: str | None = None
    group: str | None = None
    time: str | None = None
    use: tuple[str, ...] = ()
    split: SplitRule = field(default_factory=lambda: SplitRule("time"))

    def smoke(self) -> Waves:
        """A few procedural series in its place, for tests."""
        return Waves().smoke()

    def load(self) -> Splits:
        """Reads the file.

        Returns:
          Splits with `series` float32 [length, C] and, where there are labels, `label` int32.

        Raises:
          UserError: a number is not finite, most of a column are missing, a column is not there or
            holds something else, or a split has no window.
        """
        path = Path(self.path).expanduser()
        table = read_rows(path)
        place = time_column(table, self.time)
        left = {place}
        owner = np.zeros(len(table.rows), np.int64)
        if self.group is not None:
            number = column(table, self.group, "--group")
            left.add(number)
            names = [row[number] for row in table.rows]
            owner = np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].reshape(-1)
        label, classes = None, ()
        if self.label not in (None, "none"):
            number = column(table, self.label, "--label")
            left.add(number)
            numbered, classes = encode_labels(
                {"rows": label_texts(table, number)}, f"{path}: the column {self.label!r}"
            )
            label = numbered["rows"]
        chosen = positions(self.use, table, "--columns") if self.use else range(len(table.names))
        kept = [k for k in chosen if k not in left]
        values = number_columns(table, kept)
        if not values.shape[1]:
            raise UserError(f"{path} has no column of numbers beside the time")
        finite(values, str(path), lambda i: table.place(i[0], kept[i[1]]), missing=True)
        measurable(values, str(path))
        names = tuple(table.names[k] for k in kept)
        values, rows = fill_gaps(values, _runs(owner), names, str(path))
        owner = owner[rows]
        label = None if label is None else label[rows]
        return self._cut(values.astype(np.float32), owner, label, classes, path)

    def _cut(
        self,
        values: np.ndarray,
        owner: np.ndarray,
        label: np.ndarray | None,
        classes: tuple[str, ...],
        path: Path,
    ) -> Splits:
        part = self._part_of_row(owner)
        change = np.flatnonzero((np.diff(owner) != 0) | (np.diff(part) != 0)) + 1
        edges = [0, *change.tolist(), len(values)]
        starts: dict[int, list[int]] = {0: [], 1: [], 2: []}
        short = 0
        for first, last in itertools.pairwise(edges):
            own = range(first, last - self.length + 1, self.step)
            short += not len(own)
            starts[int(part[first])] += own
        if short:
            note(
                f"{path}: {short} of {len(edges) - 1} recordings or parts of them are shorter than "
                f"a window of {self.length} rows and give none"
            )
        if self.split.by == "random":
            whole = starts[0]
            drawn = self.split.draw(len(whole), f"windows of {path}")
            starts = {k: [whole[i] for i in drawn[name]] for k, name in enumerate(PARTS)}
        sources = {}
        for number, name in enumerate(PARTS):
            if not starts[number]:
                raise UserError(
                    f"{path}: the {name} split has no window of {self.length} rows; give shorter "
                    "windows or a larger share"
                )
            rows = np.asarray(starts[number])[:, None] + np.arange(self.length)
            arrays = {"series": values[rows]}
            if label is not None:
                hot = label[rows][..., None] == np.arange(len(classes))
                arrays["label"] = hot.sum(axis=1).argmax(axis=1).astype(np.int32)
            sources[name] = ArraySource(arrays)
        return Splits(**sources, name=path.name.partition(".")[0], classes=classes)

    def _part_of_row(self, owner: np.ndarray) -> np.ndarray:
        """The split of each row, 0 to 2; all 0 where windows are drawn at random."""
        part = np.zeros(len(owner), np.int64)
        what = f"rows of {self.path}"
        if self.split.by == "random":
            if self.step < self.length:
                raise UserError(
                    f"{self.path}: windows of {self.length} rows every {self.step} rows overlap, "
                    "and must not be divided at random; split by time or by group"
                )
            return part
        if self.split.by == "group":
            drawn = [(np.arange(len(owner)), self.split.draw(len(owner), what, group=owner))]
        else:
            drawn = []
            for one in np.unique(owner):
                rows = np.flatnonzero(owner == one)
                drawn.append((rows, self.split.draw(len(rows), what)))
        for rows, parts in drawn:
            for number, name in enumerate(PARTS):
                part[rows[parts[name]]] = number
        return part


def _runs(owner: np.ndarray) -> np.ndarray:
    """The number of each row's stretch of one owner, from 0 up."""
    return np.cumsum(np.diff(owner, prepend=owner[:1]) != 0)
