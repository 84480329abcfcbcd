"""Readers of the published file formats of time series: `.ts`, `.tsv` / `.txt`, `.csv`."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np

from jssl.data.checks import LARGEST_RAW, finite, measurable, parse_number
from jssl.data.column_types import number_columns
from jssl.data.delimited import MISSING, read_delimited, refuse_foreign
from jssl.data.notes import note, shown
from jssl.data.text_files import read_text
from jssl.errors import UserError

Series = list[np.ndarray]

_TIMES = {"date", "time", "timestamp", "datetime", "ds", "t", "index", "hour", "step", "", "id"}
_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?")


def read_series(path: Path) -> tuple[Series, list[str] | None]:
    """Labelled series of a file of the UCR or UEA archive.

    Args:
      path: `.ts` (a colon between channels and before the label; aeon's format) or `.tsv` / `.txt`
        (a series a line, the label first; tabs, blanks or commas between), also with `.gz`.
        Missing values are `?` or `NaN`.

    Returns:
      Series, each float32 [T, C], of one or several lengths, with NaN where a value is missing; and
      labels, or None if a `.ts` file says `@classLabel false`. In `.tsv` / `.txt`, where archives
      write labels as numbers, `1`, `1.0` and `1.0000000e+00` are the same label.

    Raises:
      UserError: the file is missing or of another form, or, naming the line: a number is infinite
        or too large for float32, a series has no value, another number of channels than the first
        or another length than the file declares, or a label is missing or not declared.
    """
    text = read_text(path)
    refuse_foreign(text, path)
    ts = path.name.lower().removesuffix(".gz").endswith(".ts")
    series, labels, lines = _read_ts(text, path) if ts else _read_rows(text, path)
    if not series:
        raise UserError(f"{path} has no series")
    bare = []
    for x, line in zip(series, lines, strict=True):
        if x.shape[1] != series[0].shape[1]:
            raise UserError(
                f"{path}, line {line}: the series has {x.shape[1]} channels and the first "
                f"has {series[0].shape[1]}"
            )
        known = np.isfinite(x).any(axis=0) if x.size else np.zeros(1, bool)
        if not known.any():
            raise UserError(
                f"{path}, line {line}: the series has no value; leave it out of the file"
            )
        if not known.all():
            bare.append(f"line {line}")
    if bare:
        note(
            f"{path}: {len(bare)} of {len(series)} series have a channel without values, which is "
            f"read as 0 ({shown(bare)})"
        )
    measurable(np.concatenate([x.reshape(-1) for x in series]), str(path))
    return [x.astype(np.float32) for x in series], labels


def _read_ts(text: str, path: Path) -> tuple[Series, list[str] | None, list[int]]:
    """Series float64, labels and numbers of lines."""
    body = list(enumerate(text.splitlines(), 1))
    head: dict[str, list[str]] = {}
    while body:
        words = body.pop(0)[1].split()
        if words and words[0].startswith("@"):
            head[words[0].lower()] = words[1:]
            if words[0].lower() == "@data":
                break
    if "@data" not in head:
        raise UserError(f"{path} is not a file of labelled series: it has no line @data")
    labelled, declared = _labels_of(head, path)
    series, labels, lines = [], [], []
    for line, content in body:
        if not content.strip() or content.lstrip().startswith(("#", "%")):
            continue
        where = f"{path}, line {line}"
        *channels, last = content.strip().split(":")
        if not labelled:
            channels.append(last)
        elif "," in last:
            raise UserError(
                f"{where}: a list of numbers stands where the label should be; if the series have "
                "none, say @classLabel false"
            )
        elif not last.strip() or (declared and last.strip() not in declared):
            raise UserError(
                f"{where}: the label {last.strip()!r} is "
                + (f"none of those in @classLabel: {', '.join(declared)}" if declared else "empty")
            )
        x = [
            [_value(cell, where, f"channel {c + 1}, step {t + 1}") for t, cell in enumerate(cells)]
            for c, cells in enumerate(channel.split(",") for channel in channels)
        ]
        if len({len(row) for row in x}) != 1:
            raise UserError(
                f"{where}: the channels of the series differ in length, or a label is missing"
            )
        _check_shape(x, head, where)
        values = np.asarray(x, np.float64).T
        finite(
            values,
            where,
            lambda i: f"channel {i[1] + 1}, step {i[0] + 1}",
            missing=True,
        )
        series.append(values)
        labels.append(last.strip())
        lines.append(line)
    return series, labels if labelled else None, lines


def _labels_of(head: dict[str, list[str]], path: Path) -> tuple[bool, list[str]]:
    """Whether series have labels, and those that the file declares."""
    for key, what in (("@timestamps", "time stamps"), ("@targetlabel", "target values")):
        if head.get(key, ["false"])[:1] == ["true"]:
            raise UserError(f"{path} has {what} ({key} true), which are not read")
    said = head.get("@classlabel", ["true"])
    if not said or said[0].lower() not in ("true", "false"):
        raise UserError(f"{path}: @classLabel must be true and the labels, or false")
    return said[0].lower() == "true", said[1:]


def _check_shape(x: list[list[float]], head: dict[str, list[str]], where: str) -> None:
    """Compares a series with what the head of the file declares."""
    dimensions = head.get("@dimensions", head.get("@dimension", []))
    if head.get("@univariate", [""])[0].lower() == "true":
        dimensions = ["1"]
    if dimensions and dimensions[0].isdigit() and len(x) != int(dimensions[0]):
        raise UserError(
            f"{where}: the series has {len(x)} channels, and the file declares {dimensions[0]}"
        )
    length = head.get("@serieslength", [])
    equal = head.get("@equallength", ["false"])[:1] == ["true"]
    if equal and length and length[0].isdigit() and len(x[0]) != int(length[0]):
        raise UserError(
            f"{where}: the series has {len(x[0])} steps, and the file declares {length[0]}"
        )


def _read_rows(text: str, path: Path) -> tuple[Series, list[str], list[int]]:
    """Series float64, labels and numbers of lines."""
    rows = [
        (line, row)
        for line, row in enumerate(text.splitlines(), 1)
        if row.strip() and row[0] != "#"
    ]
    lines = [line for line, _ in rows]
    if not rows:
        return [], [], []
    mark = next((m for m in "\t;," if m in rows[0][1].strip()), None)
    try:
        if "_" in text:  # which NumPy reads as a part of a number
            raise ValueError
        table = np.loadtxt(
            io.StringIO("\n".join(row for _, row in rows)),
            dtype=np.float64,
            ndmin=2,
            delimiter=None if mark == "\t" else mark,
            comments=None,
        )
        labels = [_label(value, "") for value in table[:, 0]]
    except ValueError:  # read again, with words for a missing value, and to say where the fault is
        labels, found = [], []
        for line, row in rows:
            cells = [
                cell.strip() for cell in (row.rstrip("\r\n").split(mark) if mark else row.split())
            ]
            where = f"{path}, line {line}"
            values = [_value(c, where, f"column {k + 2}") for k, c in enumerate(cells[1:])]
            if found and len(values) != len(found[0]):
                raise UserError(
                    f"{where}: the series has {len(values)} values and that of line {lines[0]} has "
                    f"{len(found[0])}; fill a shorter one with NaN"
                ) from None
            found.append(values)
            try:
                labels.append(_label(parse_number(cells[0]), cells[0]))
            except ValueError:
                labels.append(cells[0])
        table = np.asarray(found, np.float64).reshape(len(rows), -1)
        table = np.concatenate([np.zeros((len(rows), 1)), table], axis=1)
    for line, label in zip(lines, labels, strict=True):
        if label.lower() in MISSING:
            raise UserError(f"{path}, line {line}: the label, which stands first, is missing")
    if table.shape[1] < 2:
        raise UserError(f"{path}, line {lines[0]}: there are no values after the label")
    values = table[:, 1:]
    finite(values, str(path), lambda i: f"line {lines[i[0]]}, column {i[1] + 2}", missing=True)
    return [row[:, None] for row in values], labels, lines


def _value(text: str, where: str, place: str) -> float:
    text = text.strip()
    if text.lower() in MISSING and text:
        return np.nan
    try:
        return parse_number(text)
    except ValueError:
        raise UserError(
            f"{where} is not a series of numbers: {text!r} at {place} is neither a number nor ? or "
            "NaN"
        ) from None


def _label(value: float, text: str) -> str:
    """Parses a numeric label: 1.0 and 1 are equal, 1000001 and 1000002 are not."""
    if value == np.floor(value) and abs(value) < 2**53:
        return str(int(value))
    short = f"{value:g}"
    return short if float(short) == value or np.isnan(value) else text or repr(float(value))


def equal_lengths(series: Series, length: int) -> np.ndarray:
    """Resamples all series to one length by linear interpolation, also across missing values.

    Args:
      series: each [T, C], T at least 1.
      length: of the result.

    Returns:
      float32 [N, length, C].
    """
    out = np.empty((len(series), length, series[0].shape[1]), np.float32)
    for i, x in enumerate(series):
        for c in range(x.shape[1]):
            known = np.flatnonzero(np.isfinite(x[:, c]))
            if known.size == 0:
                out[i, :, c] = 0.0
                continue
            at = np.linspace(0, len(x) - 1, length)
            out[i, :, c] = np.interp(at, known, x[known, c])
    return out


def read_columns(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """The numeric columns of a table with a header whose first column is the date.

    Args:
      path: a `.csv` file, also with `.gz`; see `jssl.data.delimited.read_delimited`.

    Returns:
      (float64 [T, C], names of the columns).

    Raises:
      UserError: it is no such table; a value is missing or not finite, named by line and column;
        the first column holds numbers and is not called a date or time; or dates in ISO form are
        not in order.
    """
    table = read_delimited(path)
    times = [row[0] for row in table.rows]
    if table.names[0].lower() not in _TIMES and not any(map(_ISO.fullmatch, times[:1])):
        try:
            parse_number(times[0])
        except ValueError:
            pass
        else:
            raise UserError(
                f"{path}: the first column, {table.names[0]!r}, holds numbers, and the date should "
                "stand there; add a column 'date' before it"
            )
    if _ISO.fullmatch(times[0]):
        _check_times(times, table.lines, path)
    values = number_columns(table, range(1, len(table.names)))
    if not values.shape[1]:
        raise UserError(f"{path} has no column of numbers after the date")
    finite(values, str(path), lambda i: table.place(i[0], i[1] + 1), largest=LARGEST_RAW)
    return values, table.names[1:]


def _check_times(times: list[str], lines: list[int], path: Path) -> None:
    for text, line in zip(times, lines, strict=True):
        if not _ISO.fullmatch(text):
            raise UserError(f"{path}, line {line}: {text!r} is not a date like {times[0]!r}")
    try:
        at = np.asarray([text.replace(" ", "T") for text in times], "datetime64[ms]")
    except ValueError as error:
        raise UserError(f"{path} has a date that is none ({error})") from None
    step = np.diff(at)
    back = np.flatnonzero(step <= np.timedelta64(0))
    if back.size:
        raise UserError(
            f"{path}, line {lines[back[0] + 1]}: the time {times[back[0] + 1]} does not come after "
            f"{times[back[0]]}; sort the rows by time, each time once"
        )
    uneven = np.flatnonzero(step != step[:1]) if len(step) else step
    if len(uneven):
        note(
            f"{path}: {len(uneven)} of {len(step)} steps of time differ from the first (line "
            f"{lines[uneven[0] + 1]}); windows are cut by rows"
        )
