"""Reader of delimited text (CSV and its dialects), shared by all data sets."""

from __future__ import annotations

import csv
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from jssl.data.text_files import any_length, read_rows, read_text
from jssl.errors import UserError

MISSING = frozenset(
    {"", "?", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "-nan", "null", "<null>", "nat"}
    | {"-", "--", "---", "#null!", "#div/0!", "#value!", "1.#qnan", "-1.#ind", "\\n"}
)
"""What stands for a missing value, in small letters."""
SEPARATORS = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'"}
_DECIMAL = re.compile(r"[+-]?\d+,\d+")
_SAMPLE = 200  # lines by which the separator is found
_FOREIGN = (
    ("@relation", "an ARFF file"),
    ("<!doctype", "a web page"),
    ("<html", "a web page"),
    ("<?xml", "an XML file"),
    ("version https://git-lfs", "a pointer of Git LFS, not the file itself"),
    ('{"', "a JSON file"),
    ('[{"', "a JSON file"),
)


@dataclass(frozen=True)
class Delimited:
    """The rows of a file of delimited text.

    Attributes:
      path: of the file.
      names: of the columns; None without a header.
      rows: cells of each row, as text.
      lines: for each row the number of the line that it begins on, from 1 up.
      delimiter: that separates the columns.
    """

    path: Path
    names: tuple[str, ...] | None
    rows: list[list[str]]
    lines: list[int]
    delimiter: str

    def place(self, row: int, column: int) -> str:
        """Describes a cell by its line and its column's name or number."""
        name = repr(self.names[column]) if self.names else str(column + 1)
        return f"line {self.lines[row]}, column {name}"


def read_delimited(
    path: Path,
    *,
    delimiter: str | None = None,
    header: bool = True,
    quotes: bool = True,
    strip: bool = True,
    ragged: bool = False,
    comment: str = "",
) -> Delimited:
    """Reads a file of delimited text in UTF-8, with or without a byte-order mark.

    Blank lines and Excel's first line `sep=;` are skipped.

    Args:
      path: of the file, also with `.gz`.
      delimiter: between columns; None finds it among comma, semicolon, tab and `|`: the one that
        gives all rows the same number of columns.
      header: whether the first row names the columns.
      quotes: whether `"` quotes a cell; False treats it as an ordinary character.
      strip: whether blanks around cells are removed.
      ragged: whether rows may differ in their number of columns.
      comment: lines that begin with it are left out, unless it is the delimiter; "" for none.

    Returns:
      The table, which has at least one row.

    Raises:
      UserError: the file is missing, not UTF-8 text, of another format, empty or without rows; rows
        differ in their number of columns; a quote is never closed; or two columns have one name.
    """
    text = read_text(path)
    refuse_foreign(text, path)
    skipped = 0
    declared = re.match(r"sep=(.)\r?\n", text)
    if declared:
        delimiter, text, skipped = delimiter or declared[1], text[declared.end() :], 1
    body = text
    if comment:
        kept = [line for line in text.split("\n") if not line.startswith(comment)]
        body = "\n".join(kept)
        if delimiter == comment or not body.strip():
            body, comment = text, ""
    if delimiter is None:
        delimiter = _find_delimiter(body, quotes, path)
    rows, lines = [], []
    for line, cells in read_rows(text, path, delimiter, quoted=quotes, padded=strip):
        blank = len(cells) == 1 and not cells[0].strip()
        if not blank and not (comment and cells[0].startswith(comment)):
            rows.append([cell.strip() for cell in cells] if strip else cells)
            lines.append(line + skipped)
    if not rows:
        raise UserError(f"{path} is empty")
    if not ragged:
        _check_lengths(rows, lines, delimiter, path)
    names = None
    if header:
        names, rows, lines = tuple(cell.strip() for cell in rows[0]), rows[1:], lines[1:]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"{path} has two columns named {twice[0]!r}; names must differ")
        if not rows:
            raise UserError(f"{path} has a header ({', '.join(names)}) and no rows after it")
    return Delimited(path, names, rows, lines, delimiter)


def refuse_foreign(text: str, path: Path) -> None:
    """Refuses a file of another format than delimited text, and names the format.

    Raises:
      UserError: it begins as an ARFF file, a web page, XML or JSON does.
    """
    lines = (line.strip().lower() for line in itertools.islice(io.StringIO(text), 500))
    first = next((line for line in lines if line and not line.startswith("%")), "")
    for start, name in _FOREIGN:
        if first.startswith(start):
            raise UserError(
                f"{path} is {name}; give a table of delimited text (.csv or .tsv), or for the UCR "
                "and UEA archives their .ts or .txt files"
            )


def place_columns(wanted: Delimited, other: Delimited) -> list[int]:
    """Finds the columns of one table in another, by name if both have a header.

    Args:
      wanted: the table whose order is kept.
      other: the table whose columns are looked up.

    Returns:
      For each column of `wanted` its number in `other`.

    Raises:
      UserError: `other` lacks a column or has an extra one, which is named; or, without names,
        another number of columns.
    """
    if wanted.names is None or other.names is None:
        here, there = len(wanted.rows[0]), len(other.rows[0])
        if here != there:
            raise UserError(
                f"{other.path} has {there} columns and {wanted.path} has {here}: another number of "
                "columns"
            )
        return list(range(here))
    lacking = [name for name in wanted.names if name not in other.names]
    more = [name for name in other.names if name not in wanted.names]
    if lacking or more:
        said = [f"lacks the columns {', '.join(map(repr, lacking))}"] if lacking else []
        said += [f"has the further columns {', '.join(map(repr, more))}"] if more else []
        raise UserError(
            f"{other.path} {' and '.join(said)}; it needs those of {wanted.path}, in any order"
        )
    return [other.names.index(name) for name in wanted.names]


def _find_delimiter(text: str, quotes: bool, path: Path) -> str:
    """The separator that gives the first rows one number of columns, two or more."""
    head = "".join(itertools.islice(io.StringIO(text, newline=""), _SAMPLE))
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    scores = {}
    with any_length():
        for mark in SEPARATORS:
            reader = csv.reader(
                io.StringIO(head, newline=""),
                delimiter=mark,
                quoting=quoting,
                skipinitialspace=mark != "\t",
            )
            rows = [row for row in reader if any(map(str.strip, row))]
            if rows and len(rows[0]) > 1:
                same = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
                decimals = any(_DECIMAL.fullmatch(cell.strip()) for row in rows for cell in row)
                scores[mark] = (same, mark == "\t", mark == ";" and decimals, mark == ",")
    if not scores and text.strip():
        first = text.strip().splitlines()[0][:60]
        raise UserError(
            f"{path} has one column only: none of {', '.join(SEPARATORS.values())} separates "
            f"columns in its first row, {first!r}"
        )
    return max(scores, key=scores.__getitem__, default=",")


def _check_lengths(rows: list[list[str]], lines: list[int], delimiter: str, path: Path) -> None:
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            raise UserError(
                f"{path} is not a table: its rows differ in their number of columns (line {line} "
                f"has {len(row)}, line {lines[0]} has {len(rows[0])}, separated by "
                f"{SEPARATORS.get(delimiter, repr(delimiter))})"
            )
