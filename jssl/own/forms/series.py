"""Series: a long one to forecast or to cut into windows, or one an example."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jssl.data.long_series import LongSeries, WindowedTable
from jssl.data.npz import array_shapes
from jssl.data.row_files import TABLES
from jssl.data.series_file import ARRAYS, SERIES, SeriesFile, series_arrays, ts_splits
from jssl.data.times import is_time
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, thousands
from jssl.own.peek import array_names, first_file, first_rows
from jssl.own.tally import tallied

_NAMES = {"series", "values", "data", "x", "train_series", "train_x"}
_LENGTH, _HORIZON, _STEP = 96, 24, 12
_WINDOWS = 8  # that the smallest split should have at least


def is_table(path: Path) -> bool:
    """Whether it is a table by its ending, or a folder with one."""
    return first_file(path, TABLES) is not None


def is_dated(path: Path) -> bool:
    """Whether it is a table whose rows begin with a date."""
    file = first_file(path, TABLES)
    rows = first_rows(file) if file is not None else []
    return len(rows) > 2 and all(is_time(row[0]) for row in rows[1:])


def is_examples(path: Path) -> bool:
    """Whether it holds series, one an example: `.ts` files, or an `.npz` with such names."""
    if path.is_dir():
        try:
            if ts_splits(path):
                return True
        except UserError:
            return True
        return first_file(path, SERIES[:2]) is not None
    if path.suffix.lower() == ".npy":
        ((shape, dtype),) = array_shapes(path).values() or [((), None)]
        return len(shape) in (1, 2) or (len(shape) == 3 and dtype != np.uint8)
    names = array_names(path)
    return path.name.lower().endswith(SERIES[:2]) or bool(names & _NAMES) or len(names) == 1


def open_table(path: Path, options: OwnOptions) -> Found:
    """Windows of the rows: with labels or groups of their own, else of a past and a future."""
    file = first_file(path, TABLES) or path
    if options.panel is not None and (options.label not in (None, "none") or options.group):
        raise UserError("--panel is of series to forecast, and goes without --label and --group")
    if options.label not in (None, "none") or options.group is not None:
        return _windowed(file, options)
    return _forecast(file, options)


def _windowed(path: Path, options: OwnOptions) -> Found:
    length = int(options.length or _LENGTH)
    data = WindowedTable(
        str(path),
        length=length,
        step=max(length // 2, 1) if options.split_by != "random" else length,
        label=options.label,
        group=options.group,
        time=options.time,
        use=options.columns,
        split=options.rule(timed=True),
    )
    splits = data.load()
    channels = splits.train[0]["series"].shape[1]
    facts = {"length": length, "channels": channels, "horizon": 0}
    details = f"{length} steps of {_channels(channels)}"
    source = f"labels of {options.label!r}" if splits.classes else ""
    return tallied("series", "windows", data, splits, details=details, facts=facts, source=source)


def _forecast(path: Path, options: OwnOptions) -> Found:
    if options.split_by not in (None, "time"):
        raise UserError("a series to forecast is split in order of time, not at random")
    data = LongSeries(
        str(path),
        time=options.time,
        use=options.columns,
        split=options.rule(timed=True),
        split_at=options.split_at,
        panel=options.panel,
    )
    rows = data.read()
    values, when, names = rows.values, rows.when, rows.names
    counts = [len(own) for own in rows.parts()]
    length, horizon = _sizes(int(np.median(counts)), options)
    data = LongSeries(**{**vars(data), "length": length, "horizon": horizon})
    splits = data.load()
    sizes = [len(part) for part in (splits.train, splits.validation, splits.test)]
    span = "" if when is None else f", {_shown(when.min())} to {_shown(when.max())}"
    what = f"a series of {thousands(len(values))} steps"
    if rows.series:
        low, high = thousands(min(counts)), thousands(max(counts))
        what = (
            f"{thousands(len(counts))} series of {low if low == high else f'{low} to {high}'} steps"
        )
    line = (
        f"{what} of {_channels(len(names))}{span}; windows of "
        f"{length} steps and {horizon} ahead, {thousands(sizes[0])} to train, "
        f"{thousands(sizes[1])} for validation, {thousands(sizes[2])} for the test"
    )
    facts = {"length": length, "horizon": horizon, "channels": len(names)}
    return Found("series", "", "", data, line, facts, (), sizes[0])


def _sizes(count: int, options: OwnOptions) -> tuple[int, int]:
    """Steps of the past and of the future: those asked for, else at most 96 and 24."""
    shares = options.validation_share, options.test_share
    room = int(min(shares) * count) - _WINDOWS  # for the future of the windows of a split
    horizon = options.horizon
    if horizon is None:
        most = int(options.length or _LENGTH) // 4
        horizon = max(min(most, _HORIZON, room) // _STEP * _STEP, min(_STEP, max(room, 1)))
    length = int(options.length or max(min(_LENGTH, count // 4) // _STEP * _STEP, _STEP))
    return length, horizon


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _shown(when: np.generic) -> str:
    if not isinstance(when, np.datetime64):
        return f"{when:.10g}"
    text = str(when.astype("datetime64[m]"))
    return text.removesuffix("T00:00").replace("T", " ")


def open_examples(path: Path, options: OwnOptions) -> Found:
    """Series of a file, or of the files of the splits."""
    if path.is_file() and path.suffix.lower() in ARRAYS:
        arrays = series_arrays(path)
        one = next(iter(arrays.values()))
        if len(arrays) == 1 and one.ndim < 3:
            return _forecast(path, options)
    data = SeriesFile(
        str(path),
        label=options.label,
        group=options.group,
        length=None if options.length is None else int(options.length),
        split=options.rule(),
    )
    splits = data.load()
    length, channels = splits.train[0]["series"].shape
    facts = {"length": length, "channels": channels, "horizon": 0}
    details = f"{length} steps of {_channels(channels)}"
    return tallied("series", "series", data, splits, details=details, facts=facts)


FORMS = (
    Form("series-dated", "series", "a table of dates and numbers", is_dated, open_table, 6),
    Form("series-table", "series", "a table of numbers in time", is_table, open_table, 1),
    Form("series-examples", "series", "series, one an example", is_examples, open_examples, 5),
)
