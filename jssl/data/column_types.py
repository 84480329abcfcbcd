"""Classifies text columns as numeric or categorical, and refuses ambiguous ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from jssl.data.checks import LARGEST_RAW, finite, parse_number
from jssl.data.delimited import MISSING, Delimited
from jssl.data.times import year_last
from jssl.errors import UserError

CellPlace = Callable[[int, int, int], str]
"""From the number of a table, a row and a column to words such as "line 3, column 'age'"."""

_MISSING_NUMBER = MISSING | {"none", "nil", "missing", "unknown", ".", "*"}
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([,.' \u00a0\u202f])\d{3}(\1\d{3})*([.,]\d+)?")
_UNIT = re.compile(r"[$€£¥]\s?[+-]?[\d.,]+|[+-]?[\d.,]+\s?[%$€£¥]")
_OTHER_SIGNS = re.compile(r"[\u2212\u2013][\d.,]+|[+-]?\d*\.\d*[dD][+-]?\d+|[+-]?\u221e")
_CODES = 20  # fewer different numbers that repeat may be names of categories


@dataclass(frozen=True)
class Column:
    """One column of several tables.

    Attributes:
      names: None if the column is numeric, else the names of its categories, that of code 1 first.
      values: of each table, float64 [N]: numbers, NaN where one is missing; or codes of categories,
        0 where it is missing or unknown.
    """

    names: tuple[str, ...] | None
    values: list[np.ndarray]


def read_columns(
    tables: list[np.ndarray],
    place: CellPlace | None = None,
    *,
    missing: frozenset[str] = frozenset(),
    decimal: str | None = None,
) -> list[Column]:
    """The columns of tables of text.

    A column is numeric if every value that is not missing is a number. A numeric column with a few
    other texts is refused, as are thousands separators, units, and commas that may separate either
    decimals or thousands.

    Args:
      tables: [N, C] of strings, the training table first.
      place: words for a cell.
      missing: lower-case texts that mark a missing value, in addition to the usual ones.
      decimal: "." or ","; None finds it by column.

    Returns:
      The columns.

    Raises:
      UserError: naming the cell.
    """
    place = place or (lambda table, row, column: f"row {row + 1}, column {column + 1}")
    count = tables[0].shape[1]
    kinds = [
        _Kinds([list(t[:, k]) for t in tables], lambda t, r, k=k: place(t, r, k), missing)
        for k in range(count)
    ]
    commas = [kind for kind in kinds if kind.comma and not kind.odd]
    clear = any(not _MAYBE_THOUSANDS.fullmatch(text) for kind in commas for text in kind.comma)
    for kind in commas:
        if decimal is None and not clear:
            raise UserError(
                f"{kind.at(kind.comma)} may be a decimal comma or a thousands separator: set "
                "decimal=',' for decimals, or write numbers without thousands separators"
            )
    return [kind.column(decimal) for kind in kinds]


class _Kinds:
    """The distinct texts of a column, grouped by kind."""

    def __init__(
        self,
        parts: list[list[str]],
        place: Callable[[int, int], str],
        missing: frozenset[str],
    ) -> None:
        self.parts, self.place = parts, place
        self.counts = Counter(cell for part in parts for cell in part)
        self.number: dict[str, float] = {}
        self.comma: set[str] = set()
        self.odd: set[str] = set()
        self.missing = {t for t in self.counts if t.lower() in MISSING or t.lower() in missing}
        for text in self.counts:
            if text in self.missing:
                continue
            try:
                self.number[text] = parse_number(text)
            except ValueError:
                (self.comma if _COMMA.fullmatch(text) else self.odd).add(text)
        numbers = self.number or self.comma
        absent = {t for t in self.odd if t.lower() in _MISSING_NUMBER}
        if numbers and self.odd == absent:
            self.missing, self.odd = self.missing | absent, set()

    def at(self, texts: set[str]) -> str:
        """Describes the first cell that contains one of the texts."""
        for table, part in enumerate(self.parts):
            for row, text in enumerate(part):
                if text in texts:
                    return f"{text!r} in {self.place(table, row)}"
        raise KeyError(texts)

    def column(self, decimal: str | None) -> Column:
        points = {text for text in self.number if "." in text}
        if self.comma and not self.odd and decimal != ".":
            if points:
                raise UserError(
                    f"{self.at(self.comma)} has a decimal comma and {self.at(points)} a decimal "
                    "point; write all numbers of a column alike"
                )
            self.number |= {text: parse_number(text.replace(",", ".")) for text in self.comma}
        else:
            self.odd |= self.comma
        if not self.odd:
            return self._numeric()
        self._refuse_almost_numbers()
        # A plus and a minus are two categories, as in UCI's Credit Approval.
        absent = self.missing - ({"-"} if "+" in self.counts else set())
        known = {text for text in self.parts[0] if text not in absent}
        names = tuple(sorted(known))
        code = {name: k + 1.0 for k, name in enumerate(names)}
        return Column(names, [np.asarray([code.get(t, 0.0) for t in p]) for p in self.parts])

    def _numeric(self) -> Column:
        read = {**self.number, **dict.fromkeys(self.missing, np.nan)}
        # What is written as nan is missing; what is written as inf is refused.
        values = [np.asarray([read[text] for text in part], np.float64) for part in self.parts]
        for table, value in enumerate(values):
            finite(
                value,
                "the table",
                lambda index, table=table: self.place(table, index[0]),
                missing=True,
                largest=LARGEST_RAW,
            )
        return Column(None, values)

    def _refuse_almost_numbers(self) -> None:
        """Refuses a numeric column with a few other texts, which would be read as categories."""
        forms = (_THOUSANDS, _UNIT, _OTHER_SIGNS)
        if all(any(form.fullmatch(text) for form in forms) for text in self.odd):
            raise UserError(
                f"{self.at(self.odd)} is a number written with other signs; write plain numbers "
                "such as -1234.5e6, without separators of thousands, per cent or currency signs"
            )
        numbers = sum(self.counts[text] for text in self.number)
        odd = sum(self.counts[text] for text in self.odd)
        repeated = len(self.number) < _CODES and numbers >= 2 * len(self.number)
        if numbers < 2 or repeated:
            return  # numbers that repeat may be names
        new = all(text not in self.odd for text in self.parts[0])
        if new or len(self.odd) == 1 or numbers >= 9 * odd:
            raise UserError(
                f"{self.at(self.odd)} is not a number, and the column's other values are; write a "
                "number, an empty cell where it is missing, or name the text in missing=(...)"
                + self._header_hint()
            )

    def _header_hint(self) -> str:
        first = {self.parts[0][0]} == self.odd and len(self.parts[0]) > 1
        if first and "line 1," in self.place(0, 0):
            return "; if the first line names the columns, set header=True"
        return ""


def number_columns(table: Delimited, columns: Iterable[int]) -> np.ndarray:
    """Columns of a file in which every value must be a number or missing.

    Args:
      table: the file.
      columns: numbers of the columns.

    Returns:
      float64 [N, C], NaN where a value is missing.

    Raises:
      UserError: naming the line and the column of a value that is not a number.
    """
    columns = list(columns)
    cells = np.asarray(table.rows, dtype=object).reshape(len(table.rows), -1)[:, columns]
    found = read_columns(
        [cells], lambda _, row, column: f"{table.path}, {table.place(row, columns[column])}"
    )
    for column, number in zip(found, columns, strict=True):
        if column.names is not None:
            row, text = next(
                (r, c[number]) for r, c in enumerate(table.rows) if not _numeric(c[number])
            )
            more = ""
            if year_last(text):
                more = ", and a date only with the year first, such as 2016-07-31"
            raise UserError(
                f"{table.path}: {text!r} in {table.place(row, number)} is not a number{more}"
            )
    values = [column.values[0] for column in found]
    return np.stack(values, axis=1) if values else np.zeros((len(table.rows), 0))


def _numeric(text: str) -> bool:
    try:
        parse_number(text)
    except ValueError:
        return text.lower() in MISSING
    return True
