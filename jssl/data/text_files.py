"""Text files and their rows: decoding, dialects, and errors with line numbers."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.data.files import read_bytes
from jssl.data.notes import note, shown
from jssl.errors import UserError

_FORMATS = (
    (b"\xff\xfe", "in UTF-16"),
    (b"\xfe\xff", "in UTF-16"),
    (b"\0\0\xfe\xff", "in UTF-32"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet"),
    (b"\x1f\x8b", "packed with gzip, though its name does not end in .gz"),
    (b"BZh9", "packed with bzip2"),
    (b"\xfd7zXZ\0", "packed with xz"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy"),
)
_DELIMITERS = {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a vertical bar"}
_EMPTY_SHARE = 0.5


class Row(NamedTuple):
    """A row of a table in text.

    Attributes:
      line: number of its first line in the file, from 1.
      cells: as written in the file.
    """

    line: int
    cells: list[str]


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte-order mark; unpacked if its name ends in `.gz`.

    Raises:
      UserError: it is missing, cannot be read (`jssl.data.files.read_bytes`), is not UTF-8, or
        holds a NUL byte.
    """
    return decode_text(read_bytes(path), path)


def decode_text(raw: bytes, where: str | Path) -> str:
    """Bytes as text; a byte-order mark of UTF-8 is left out.

    Args:
      raw: the content of a file.
      where: how messages name the file.

    Raises:
      UserError: naming the line, when it is in another encoding than UTF-8 or holds a NUL byte.
    """
    for start, name in _FORMATS:
        if raw.startswith(start):
            raise UserError(f"{where} is {name}; save it as text in UTF-8")
    nul = raw.find(b"\0")
    if nul >= 0:
        raise UserError(
            f"{where} has a NUL byte in line {_line(raw, nul)}, which no text file has; replace it "
            "with a sound copy in UTF-8"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind the byte-order mark.
        start = error.start + len(raw) - len(error.object)
        raise UserError(
            f"{where} is not in UTF-8: line {_line(raw, start)} has the byte 0x{raw[start]:02x}; "
            "save it in UTF-8"
        ) from None


def read_rows(
    text: str, path: str | Path, delimiter: str, *, quoted: bool = True, padded: bool = False
) -> list[Row]:
    """The rows of a table in text, cells of any length; blank lines are left out.

    Args:
      text: of the file.
      path: of the file, for messages.
      delimiter: one character between the cells of a row.
      quoted: whether `"` around a cell protects delimiters and ends of lines in it, as in CSV.
      padded: whether blanks may stand before a cell, before the `"` of a quoted one too.

    Raises:
      UserError: naming the line, when a quoted cell does not end.
    """
    if quoted and text.count('"') % 2:
        _check_quotes(text, path, delimiter)
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    rows, before = [], 0
    with any_length():
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=delimiter,
            quoting=quoting,
            skipinitialspace=padded and not delimiter.isspace(),
        )
        try:
            for cells in reader:
                if cells:
                    rows.append(Row(before + 1, cells))
                before = reader.line_num
        except csv.Error as error:
            raise UserError(f"{path} line {before + 1} is no row of a table ({error})") from None
    return rows


def read_table(
    path: str,
    columns: Sequence[int],
    delimiter: str,
    *,
    quoted: bool,
    header: bool,
    ragged: bool = False,
) -> tuple[list[Row], list[str]]:
    """Rows with some columns by their numbers, and what the header calls these columns.

    Args:
      path: of the file, also with `.gz`.
      columns: numbers of columns that every row has to have, from 0.
      delimiter: see `read_rows`.
      quoted: see `read_rows`.
      header: whether the first row holds names.
      ragged: whether rows may differ in the number of cells behind `columns`.

    Returns:
      (rows without the header, names of `columns` or [] without a header).

    Raises:
      UserError: the file is missing or no text, has no rows, or a row has too few cells or another
        number of cells than the first.
    """
    if min(columns) < 0:
        raise UserError(f"{path}: columns are numbered from 0, and {min(columns)} is asked for")
    text = read_text(Path(path).expanduser())
    rows = read_rows(text, path, delimiter, quoted=quoted)
    if not rows[int(header) :]:
        raise UserError(f"{path} has no lines" + (" after its header" if header else ""))
    width = len(rows[0].cells)
    for line, cells in rows:
        if len(cells) <= max(columns):
            raise UserError(
                f"{path} line {line} has too few columns, {len(cells)}: there is none of number "
                f"{max(columns)} (counted from 0){_other_delimiter(text, columns, delimiter)}"
            )
        if len(cells) != width and not ragged:
            raise UserError(
                f"{path} line {line} has {_columns(len(cells))} and line {rows[0].line} has "
                f"{width}; each line needs as many"
            )
    names = [rows[0].cells[k].strip() for k in columns] if header else []
    return rows[int(header) :], names


def count_empty(path: str | Path, kind: str, empty: np.ndarray, places: Sequence[str]) -> None:
    """Logs a note with the number of empty examples of a file.

    Args:
      path: of the file.
      kind: what the examples are, in the plural, such as "texts".
      empty: bool [N].
      places: of each example, such as "line 7".

    Raises:
      UserError: more than half of them are.
    """
    found = [places[k] for k in np.flatnonzero(empty)]
    if not found:
        return
    if len(found) > _EMPTY_SHARE * len(empty):
        raise UserError(
            f"{path}: {len(found)} of {len(empty)} {kind} are empty ({shown(found)}); a file needs "
            "something in at least half of them"
        )
    note(f"{path}: {len(found)} of {len(empty)} {kind} are empty ({shown(found)})")


def count_cut(path: str | Path, kind: str, cut: np.ndarray, length: str) -> None:
    """Logs a note with the number of truncated examples of a file.

    Args:
      path: of the file.
      kind: what the examples are, in the plural.
      cut: bool [N].
      length: the maximum length with its unit, such as "128 bytes".
    """
    if cut.any():
        note(f"{path}: {int(cut.sum())} of {len(cut)} {kind} are cut to {length}")


def _check_quotes(text: str, path: str | Path, delimiter: str) -> None:
    """Finds a quoted cell that is never closed, which the csv reader does not report."""
    before = 0
    with any_length():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            for _ in reader:
                before = reader.line_num
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise UserError(
                    f'{path} line {before + 1} opens a cell with " that does not end; close it, or '
                    'write "" for the sign itself'
                ) from None


@contextmanager
def any_length() -> Iterator[None]:
    """Removes Python's limit of 128 KiB for a cell of a CSV file."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _line(raw: bytes, place: int) -> int:
    """Number of the line of a byte, from 1."""
    return raw.count(b"\n", 0, place) + 1


def _columns(count: int) -> str:
    return f"{count} column" + "s" * (count != 1)


def _other_delimiter(text: str, columns: Sequence[int], delimiter: str) -> str:
    """A hint for the case that the first line has enough columns with another delimiter."""
    line = text.lstrip("\r\n").partition("\n")[0]
    for other, name in _DELIMITERS.items():
        if other != delimiter and line.count(other) >= max(columns):
            own = _DELIMITERS.get(delimiter, repr(delimiter))
            return f"; the delimiter is {own}, and the file may be written with {name}"
    return ""
