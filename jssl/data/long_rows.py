"""Rows of long series in a table: their times, and the series that each is of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jssl.data.delimited import Delimited
from jssl.data.notes import note
from jssl.data.row_files import column
from jssl.data.times import is_time, read_times
from jssl.errors import UserError

TIMES = ("date", "time", "timestamp", "datetime", "ds")


def time_column(table: Delimited, name: str | None) -> int | None:
    """The place of the column of times: the named one, else the first of dates or called so."""
    if name is not None:
        return column(table, name, "--time")
    for place, (own, cell) in enumerate(zip(table.names, table.rows[0], strict=True)):
        if is_time(cell) or own.strip().lower() in TIMES:
            return place
    return None


class Rows(NamedTuple):
    """The rows of one or several long series; those of a series follow each other.

    Attributes:
      values: float64 [T, C], without NaN.
      when: times of the rows, or None.
      names: of the C columns.
      owner: int64 [T], the number of each row's series.
      series: names of the series; () of one alone.
    """

    values: np.ndarray
    when: np.ndarray | None
    names: tuple[str, ...]
    owner: np.ndarray
    series: tuple[str, ...] = ()

    def parts(self) -> list[np.ndarray]:
        """Positions of the rows of each series."""
        return np.split(np.arange(len(self.owner)), np.flatnonzero(np.diff(self.owner)) + 1)


def read_times_of(
    table: Delimited, place: int, order: np.ndarray | None = None, owner: np.ndarray | None = None
) -> np.ndarray:
    """A column of times, which must rise from row to row of a series.

    Args:
      table: the file.
      place: of the column.
      order: rows, series after series; None for all in the order of the file.
      owner: the series of each of them; None for one.

    Raises:
      UserError: naming the row whose time cannot be read or does not come after the one before.
    """
    order = np.arange(len(table.rows)) if order is None else order
    texts = [table.rows[k][place] for k in order]
    found = read_times(texts, [table.place(k, place) for k in order], str(table.path))
    step = np.diff(found)
    inside = np.ones(len(step), bool) if owner is None else np.diff(owner) == 0
    back = np.flatnonzero((step <= step.dtype.type(0)) & inside)
    if back.size:
        k = int(back[0]) + 1
        more = "" if owner is not None else "; rows of several series need --panel COLUMN"
        raise UserError(
            f"{table.path}, {table.place(order[k], place)}: the time {texts[k]} does not come "
            f"after {texts[k - 1]}; sort the rows by time, each time once{more}"
        )
    _note_steps(step[inside], texts, str(table.path))
    return found


def _note_steps(step: np.ndarray, texts: list[str], where: str) -> None:
    """Notes that times are not equally far apart, which windows take them to be."""
    if not step.size or step.dtype.kind != "m":
        return
    hours = step / np.timedelta64(1, "h")
    usual = float(np.median(hours))
    other = int((np.abs(hours - usual) > 0.15 * usual).sum())  # months differ by less
    if other:
        note(
            f"{where}: {other} of {len(hours)} steps of time are not the usual {usual:g} hours; "
            "windows are of rows, as if all steps were alike"
        )


def series_of(
    table: Delimited, panel: str | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Puts the rows in the order of their series.

    Args:
      table: the file.
      panel: the column that tells series apart; None for one series.

    Returns:
      (rows, series after series; the number of each one's series; the names, () of one alone).

    Raises:
      UserError: there is no such column, or a cell of it is empty.
    """
    if panel is None:
        return np.arange(len(table.rows)), np.zeros(len(table.rows), np.int64), ()
    place = column(table, panel, "--panel")
    texts = [row[place].strip() for row in table.rows]
    empty = [k for k, text in enumerate(texts) if not text]
    if empty:
        raise UserError(f"{table.path}, {table.place(empty[0], place)}: the cell is empty")
    names = tuple(dict.fromkeys(texts))
    numbers = {name: k for k, name in enumerate(names)}
    number = np.asarray([numbers[text] for text in texts])
    order = np.argsort(number, kind="stable")
    return order, number[order], names
