"""Readers of the published file formats of time series: `.ts`, `.tsv` / `.txt`, `.csv`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from jssl.data.text_files import read_text
from jssl.errors import UserError

Series = list[np.ndarray]


def read_series(path: Path) -> tuple[Series, list[str]]:
    """Labelled series of a file of the UCR or UEA archive.

    Args:
      path: `.ts` (a colon between channels and before the label; aeon's format) or `.tsv` / `.txt`
        (a series a line, the label first), also with `.gz`.

    Returns:
      Series, each float32 [T, C], of one or several lengths, and labels as they are written.

    Raises:
      UserError: the file is missing or of another form.
    """
    text = read_text(path)
    try:
        ts = path.name.removesuffix(".gz").endswith(".ts")
        series, labels = _read_ts(text) if ts else _read_columns(text)
    except ValueError as error:
        raise UserError(f"{path} is no file of labelled series: {error}") from None
    if not series or len({x.shape[1] for x in series}) != 1:
        raise UserError(f"{path} has no series, or some with other channels than the first")
    return series, labels


def _read_ts(text: str) -> tuple[Series, list[str]]:
    _, found, body = text.partition("@data")
    if not found:
        raise ValueError("it has no line @data")
    series, labels = [], []
    for line in body.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        *channels, label = line.strip().split(":")
        rows = [[np.nan if v == "?" else float(v) for v in row.split(",")] for row in channels]
        if len({len(row) for row in rows}) != 1:
            raise ValueError("the channels of a series differ in length, or a label is missing")
        series.append(np.asarray(rows, np.float32).T)
        labels.append(label.strip())
    return series, labels


def _read_columns(text: str) -> tuple[Series, list[str]]:
    table = np.loadtxt(io.StringIO(text), dtype=np.float64, ndmin=2)
    labels = [f"{value:g}" for value in table[:, 0]]
    return [row[:, None] for row in table[:, 1:].astype(np.float32)], labels


def equal_lengths(series: Series, length: int) -> np.ndarray:
    """All series at one length, linearly between their steps; missing values are bridged.

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
      path: a `.csv` file, also with `.gz`.

    Returns:
      (float32 [T, C], names of the columns).

    Raises:
      UserError: it is no such table.
    """
    rows = list(csv.reader(io.StringIO(read_text(path))))
    try:
        values = np.asarray([row[1:] for row in rows[1:] if row], np.float32)
    except ValueError as error:
        raise UserError(f"{path} is no table of numbers after a date: {error}") from None
    if values.ndim != 2 or not values.size:
        raise UserError(f"{path} has no rows of numbers after its header")
    return values, tuple(rows[0][1:])
