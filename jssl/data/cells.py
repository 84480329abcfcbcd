"""Table rows as cells: words of column names and values, for arbitrary columns."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jssl.data.source import ArraySource, Splits, read_all
from jssl.data.table_file import TableFile
from jssl.data.tables import Columns, Factors, RandomRows, Table
from jssl.errors import UserError

YES = {"true": "false", "t": "f", "yes": "no", "y": "n"}
"""The two categories of a binary column: the one whose cell is written -> the other."""
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Described:
    """A table whose rows are also given as cells (Wang & Sun, "TransTab", 2022, section 3.1).

    Attributes:
      table: the table.
      names: descriptive names of its columns without the label; () for the table's own names.
    """

    table: Table | TableFile | Factors | RandomRows
    names: tuple[str, ...] = ()

    def smoke(self) -> Described:
        """A few rows, for tests."""
        return replace(self, table=self.table.smoke())

    def load(self) -> Splits:
        """Reads the table.

        Returns:
          The table's splits, with the parts of `cells` under "cells/" beside its own fields.

        Raises:
          UserError: what the table raises, the names are not one for each column, a column's name
            has no word, or two categories of a column are the same words.
        """
        if isinstance(self.table, Table | TableFile):
            splits, columns = self.table.read()
        else:
            splits, columns = self.table.load(), self.table.columns()
        if self.names:
            if len(self.names) != len(columns.names):
                raise UserError(
                    f"the table has {len(columns.names)} columns beside the label and there are "
                    f"{len(self.names)} names"
                )
            columns = columns._replace(names=self.names)
        _check_words(columns)
        parts = {part: _with_cells(getattr(splits, part), columns) for part in PARTS}
        return replace(splits, **parts)


def _check_words(columns: Columns) -> None:
    """Refuses columns without words and categories that have the same words."""
    for name, values in zip(columns.names, columns.values, strict=True):
        if not words(name):
            raise UserError(
                f"the column {name!r} has no word in its name, by which cells know it; give the "
                "columns' names with names=(...)"
            )
        known: dict[tuple[str, ...], str] = {}
        for value in values or ():
            other = known.setdefault(tuple(words(value)), value)
            if other != value:
                raise UserError(
                    f"the categories {other!r} and {value!r} of the column {name!r} are the same "
                    "words in cells; write one of them otherwise"
                )


def _with_cells(source: Any, columns: Columns) -> ArraySource:
    batch = read_all(source)
    made = cells(batch["row"], columns)
    return ArraySource({**batch, **{f"cells/{key}": value for key, value in made.items()}})


def words(text: str) -> list[str]:
    """The words of a text in lower case, split at spaces and punctuation."""
    return re.findall(r"[^\W_]+", text.lower())


def word_number(word: str) -> int:
    """A word's hash in [1, 2^31), which encoders reduce to their vocabulary."""
    return zlib.crc32(word.encode()) % (2**31 - 1) + 1


def cells(rows: np.ndarray, columns: Columns) -> dict[str, np.ndarray]:
    """Tokens of rows.

    A number is one token: the words of its column's name, and the number. A category is a token for
    each word of the column's name and of its own. A binary column (no and yes, false and true) is
    the words of its name where it is true, and nothing where it is false. A missing category is
    nothing; a missing number is the mean, 0, as in `row`.

    Args:
      rows: float [B, C], as `jssl.data.tables` has them: numbers standardised, categories as codes.
      columns: what they are.

    Returns:
      dict(column int32 [B, N], the column of a token from 1 up, 0 where there is none; number bool
      [B, N]; value float32 [B, N], 1 for words; words int32 [B, N, W], numbers of words, 0 where
      there are fewer). Each column has its own places among the N.
    """
    parts = [
        _number(rows[:, k], name) if known is None else _category(rows[:, k], name, known)
        for k, (name, known) in enumerate(zip(columns.names, columns.values, strict=True))
    ]
    widest = max(part.shape[2] for _, part in parts)
    place = [np.where(part[..., 0] > 0, k + 1, 0) for k, (_, part) in enumerate(parts)]
    number = [np.full(part.shape[:2], value is not None) for value, part in parts]
    value = [np.ones(part.shape[:2]) if value is None else value[:, None] for value, part in parts]
    more = [np.pad(part, ((0, 0), (0, 0), (0, widest - part.shape[2]))) for _, part in parts]
    return {
        "column": np.concatenate(place, axis=1).astype(np.int32),
        "number": np.concatenate(number, axis=1),
        "value": np.concatenate(value, axis=1).astype(np.float32),
        "words": np.concatenate(more, axis=1).astype(np.int32),
    }


def _number(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    found = np.asarray([word_number(word) for word in words(name)])
    return values, np.broadcast_to(found, (len(values), 1, len(found)))


def _category(codes: np.ndarray, name: str, known: tuple[str, ...]) -> tuple[None, np.ndarray]:
    texts = [[], *(words(name) + words(value) for value in known)]
    lower = [value.lower() for value in known]
    if any(set(lower) == set(pair) for pair in YES.items()):
        texts = [[], *(words(name) if value in YES else [] for value in lower)]
    table = np.zeros((len(texts), max(map(len, texts)), 1), np.int64)
    for row, text in zip(table, texts, strict=True):
        row[: len(text), 0] = [word_number(word) for word in text]
    return None, table[codes.astype(np.int64)]
