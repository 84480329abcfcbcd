"""Rows of one's own table: delimited text, Parquet or JSON lines, with or without a header."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jssl.data.arrow_files import is_saved, read_saved
from jssl.data.checks import parse_number
from jssl.data.delimited import MISSING, Delimited, read_delimited
from jssl.data.file_table import split_spec
from jssl.data.parquet_files import PARQUET, read_parquet
from jssl.data.targets import distinct_labels, joined, list_cell, several
from jssl.data.text_files import read_text
from jssl.data.times import read_times
from jssl.errors import UserError

DELIMITED = (".csv", ".tsv", ".tab", ".data", ".csv.gz", ".tsv.gz", ".data.gz")
TABLES = (*DELIMITED, *PARQUET)
JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_LABELS = ("label", "labels", "class", "target", "y", "category", "species", "diagnosis")
_CLASSES = 100  # distinct values, up to which a column with such a name holds classes


def read_rows(path: Path, *, quoted: bool = True, narrow: bool = False) -> Delimited:
    """A table with names of columns, whatever its format.

    The first line of delimited text names the columns unless one of its cells is a number; then
    columns are called 1, 2, 3, ...

    Args:
      path: `.csv` and its kin, `.parquet` or `.jsonl` (an object a line), by its ending; or a
        folder of `jssl.data.arrow_files`.
      quoted: whether `"` quotes a cell of delimited text; texts in `.tsv` rarely do.
      narrow: whether delimited text may have one column alone.

    Raises:
      UserError: the file is missing, damaged, empty or of another format.
    """
    name = path.name.lower()
    if is_saved(path):
        return read_saved(path)
    if name.endswith(PARQUET):
        return read_parquet(path)
    if name.endswith(JSON_LINES):
        return read_json_lines(path)
    if narrow and (single := _single_column(path)) is not None:
        return single
    table = read_delimited(path, header=False, quotes=quoted, comment="|" if quoted else "")
    first = table.rows[0]
    if any(_is_number(cell) for cell in first):
        names = tuple(str(k + 1) for k in range(len(first)))
        return Delimited(path, names, table.rows, table.lines, table.delimiter)
    if len(table.rows) < 2:
        raise UserError(f"{path} has a header ({', '.join(first)[:200]}) and no rows after it")
    twice = sorted({cell for cell in first if first.count(cell) > 1})
    if twice:
        raise UserError(f"{path} has two columns named {twice[0]!r}; names must differ")
    return Delimited(path, tuple(first), table.rows[1:], table.lines[1:], table.delimiter)


def read_json_lines(path: Path) -> Delimited:
    """JSON lines: an object a line, of texts, numbers, truth values and lists of labels.

    Raises:
      UserError: naming the line that is no such object, or that has other keys than the first.
    """
    rows: list[list[str]] = []
    lines: list[int] = []
    names: tuple[str, ...] = ()
    for line, text in enumerate(read_text(path).splitlines(), 1):
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise UserError(f"{path}, line {line} is not a JSON object: {text[:60]!r}") from None
        if not isinstance(found, dict) or not found:
            raise UserError(f"{path}, line {line} is not a JSON object: {text[:60]!r}")
        names = names or tuple(found)
        other = sorted(set(found) ^ set(names))
        if other:
            raise UserError(
                f"{path}, line {line} has other keys than line {lines[0]}: {other[0]!r}"
            )
        rows.append([_json_cell(found[key], f"{path}, line {line}", key) for key in names])
        lines.append(line)
    if not rows:
        raise UserError(f"{path} is empty")
    return Delimited(path, names, rows, lines, ",")


def _json_cell(value: object, where: str, key: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return list_cell(value)
    raise UserError(
        f"{where}: {key!r} must be a text, a number or a list of texts, not {type(value).__name__}"
    )


def same_columns(tables: dict[str, Delimited]) -> dict[str, Delimited]:
    """The tables of several splits with the columns of train, in its order.

    Raises:
      UserError: a table lacks a column of train's or has another one.
    """
    train, found = tables["train"], {}
    for part, table in tables.items():
        lacking = [name for name in train.names if name not in table.names]
        more = [name for name in table.names if name not in train.names]
        if lacking or more:
            raise UserError(
                f"{table.path} has not the columns of {train.path}: "
                + (f"it lacks {lacking[0]!r}" if lacking else f"{more[0]!r} is another one")
            )
        order = [table.names.index(name) for name in train.names]
        rows = [[row[k] for k in order] for row in table.rows]
        found[part] = Delimited(table.path, train.names, rows, table.lines, table.delimiter)
    return found


def column(table: Delimited, name: str, flag: str) -> int:
    """The place of a column, by its name, or by its number (from 1, or negative from the end).

    Raises:
      UserError: there is none; the message says what asked for it.
    """
    if name in table.names:
        return table.names.index(name)
    digits, count = name.removeprefix("-"), len(table.names)
    if digits.isascii() and digits.isdigit() and 1 <= int(digits) <= count:
        return int(name) - 1 if digits == name else count - int(digits)
    raise UserError(
        f"{flag} {name}: {table.path} has no such column; it has {', '.join(table.names)[:300]}"
    )


def find_labels(table: Delimited, label: str | None) -> list[int]:
    """The places of the labels' columns: one, several of 0 and 1, or none.

    Args:
      table: of the training split.
      label: name or number of the column, or several with "," between; "none"; None for a column
        that is called label, class, target or the like, with up to 100 different values, each on
        average in two rows.

    Raises:
      UserError: there is no such column.
    """
    if label == "none":
        return []
    if label is not None:
        several = [label] if label in table.names else label.split(",")
        return positions([name.strip() for name in several], table, "--label")
    for name in _LABELS:
        for place, own in enumerate(table.names):
            if own.strip().lower() == name:
                values = distinct_labels([row[place] for row in table.rows])
                if 1 < len(values) <= min(_CLASSES, len(table.rows) // 2):
                    return [place]
    return []


def label_texts(table: Delimited, place: int, *more: int) -> list[str]:
    """The labels of a table as texts; of several columns as in `jssl.data.targets.joined`.

    Raises:
      UserError: naming the first row without one, or the first cell of several columns that is
        neither 0 nor 1.
    """
    if more:
        places = {table.names[k]: k for k in (place, *more)}
        columns = {name: [row[k] for row in table.rows] for name, k in places.items()}
        return joined(columns, lambda name, row: f"{table.path}, {table.place(row, places[name])}")
    texts = [row[place].strip() for row in table.rows]
    if several(texts):
        return texts
    absent = MISSING - ({"-"} if "+" in texts else set())
    rows = [k for k, text in enumerate(texts) if text.lower() in absent]
    if rows:
        raise UserError(
            f"{table.path}, {table.place(rows[0], place)}: the label is missing (in {len(rows)} of "
            f"{len(texts)} rows); leave those rows out, or give them a class of their own"
        )
    return texts


def column_values(table: Delimited, spec: str, flag: str) -> tuple[list[str], int | None]:
    """A column of the table, or of a CSV file of its own with as many rows in the same order.

    Args:
      table: of the training split.
      spec: name or number of a column, `FILE.csv` with one column, or `FILE.csv:COLUMN`.
      flag: what asked for it, for messages.

    Returns:
      (the texts, the place of the column or None if it is of another file).

    Raises:
      UserError: there is no such column, a cell is empty, or the other file has other rows.
    """
    inner = spec in table.names or not names_file(spec)
    if inner:
        place = column(table, spec, flag)
        texts, source, number = [row[place].strip() for row in table.rows], table, place
    else:
        path, name = split_spec(spec)
        source = _one_column(path)
        if len(source.rows) != len(table.rows):
            raise UserError(
                f"{flag} {path} has {len(source.rows)} rows, and {table.path} has "
                f"{len(table.rows)}; it needs one for each, in the same order"
            )
        place, number = None, column(source, name, flag) if name else len(source.names) - 1
        texts = [row[number].strip() for row in source.rows]
    empty = [k for k, text in enumerate(texts) if not text]
    if empty:
        raise UserError(f"{source.path}, {source.place(empty[0], number)}: the cell is empty")
    return texts, place


def _one_column(path: Path) -> Delimited:
    """A CSV file with a header, which may have one column alone."""
    return _single_column(path, header=True) or read_delimited(path)


def _single_column(path: Path, *, header: bool | None = None) -> Delimited | None:
    """A file without any separator as one column; None for another file.

    Args:
      path: of the file.
      header: whether its first line names the column; None if it is no number.
    """
    lines = [(k, line.strip()) for k, line in enumerate(read_text(path).splitlines(), 1)]
    lines = [(k, line) for k, line in lines if line]
    if len(lines) < 2 or any(mark in line for _, line in lines for mark in ",;\t|"):
        return None
    named = header if header is not None else not _is_number(lines[0][1])
    rows = lines[1:] if named else lines
    name = lines[0][1] if named else "1"
    return Delimited(path, (name,), [[line] for _, line in rows], [k for k, _ in rows], ",")


def names_file(spec: str) -> bool:
    """Whether a text is the path of a file, or `FILE:COLUMN`."""
    head = spec if Path(spec).expanduser().is_file() else spec.rpartition(":")[0]
    return bool(head) and Path(head).expanduser().is_file()


def times(table: Delimited, name: str, flag: str = "--time") -> np.ndarray:
    """A column of points in time; see `jssl.data.times.read_times`."""
    place = column(table, name, flag)
    texts = [row[place] for row in table.rows]
    return read_times(texts, [table.place(k, place) for k in range(len(texts))], str(table.path))


def positions(names: Sequence[str], table: Delimited, flag: str) -> list[int]:
    """The places of several columns; see `column`."""
    return [column(table, name, flag) for name in names]


def _is_number(text: str) -> bool:
    try:
        parse_number(text)
    except ValueError:
        return False
    return True
