"""Tables of numbers and categories with one example per row: CSV files, and a procedural table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Count, Inside, Naturals, NonNegative, Ranged, Seed, Whole
from jssl.data.arrays import finish
from jssl.data.column_types import Column, read_columns
from jssl.data.delimited import Delimited, place_columns, read_delimited
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits
from jssl.data.table_parts import cell, check_header, note_unique, read_labels, scaled, with_rows
from jssl.errors import UserError


class Columns(NamedTuple):
    """The columns of a table.

    Attributes:
      names: of the columns.
      values: for each column None if it is numeric, else the names of its categories, that of code
        1 first.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...] | None, ...]


@dataclass(frozen=True)
class Table(Ranged):
    """A table from CSV files; the label is one of its columns.

    Columns are separated by a comma, semicolon, tab or `|`, whichever gives all rows the same
    number. With a header the columns of the test file are matched by name, in any order.

    A column is numeric if every value that is not missing is a number, in all files; all others are
    categorical. Missing are empty cells, `?`, `-`, `NA`, `n/a`, `nan`, `null` and their kin
    (`jssl.data.delimited.MISSING`). Numbers are measured from the mean of the training split in
    units of its standard deviation (1 where a column is constant), a missing one is 0. A category
    is the place of its name in the alphabet among those of the training file, from 1 up; 0 is
    missing or unknown.

    Attributes:
      train: path of a CSV file, also with `.gz`.
      test: of another with the same columns, or None to carve it.
      label: the label's column: its name, or its number (negative from the end).
      header: whether the first line names the columns.
      categories: what `categories` finds in the columns beside the label, if that is to be checked:
        an encoder has to know it before the file is read.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving.
      delimiter: between columns; None finds it.
      decimal: "." or ",", the sign before decimals; None finds it.
      missing: further texts that stand for a missing value, such as "-999".
    """

    train: str
    test: str | None = None
    label: str | Whole = -1
    header: bool = True
    categories: Naturals = ()
    fraction: Inside = 0.2
    seed: Seed = 0
    delimiter: str | None = None
    decimal: str | None = None
    missing: tuple[str, ...] = ()

    def smoke(self) -> RandomRows | Factors:
        """A few random rows in its place, for tests."""
        return RandomRows(self.categories) if self.categories else Factors().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `row` float32 [columns] and `label` int32.

        Raises:
          UserError: a file is missing or not rectangular; a number is not finite, or a cell no
            number in a column of numbers; a label is missing or its column is not there; or the
            files' columns differ.
        """
        return self.read()[0]

    def read(self) -> tuple[Splits, Columns]:
        """The results of `load` and `columns`, so that files are read once."""
        files, tables, place = self._tables()
        columns = self._columns(files, tables, place)
        label, classes = read_labels(files, tables, place)
        kinds = tuple(0 if column.names is None else 1 + len(column.names) for column in columns)
        if self.categories and self.categories != kinds:
            raise UserError(
                f"{self.train} has columns of {kinds} categories, not {self.categories}"
            )
        parts = [
            ArraySource({"number": np.arange(len(own)), "label": own}) for own in label.values()
        ]
        splits = finish(
            parts[0],
            None,
            parts[1] if len(parts) > 1 else None,
            Path(self.train).name.split(".")[0],
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )
        rows = [np.stack(x, axis=1) for x in zip(*(c.values for c in columns), strict=True)]
        rows = scaled(rows, splits, np.asarray(kinds) == 0, files, place)
        names = files[0].names or tuple(map(str, range(tables[0].shape[1])))
        described = Columns(
            (*names[:place], *names[place + 1 :]), tuple(column.names for column in columns)
        )
        return with_rows(splits, rows), described

    def columns(self) -> Columns:
        """The columns of the file without the label, in order."""
        return self.read()[1]

    def _tables(self) -> tuple[list[Delimited], list[np.ndarray], int]:
        """The files, their cells with the columns in the order of train's, the label's place."""
        if self.decimal not in (None, ".", ","):
            raise UserError(f"decimal must be '.' or ',', not {self.decimal!r}")
        files = [
            read_delimited(
                Path(path).expanduser(),
                delimiter=self.delimiter,
                header=self.header,
                comment="|",  # of UCI's, such as the first of Adult's test file
            )
            for path in (self.train, self.test)
            if path is not None
        ]
        tables = [
            np.asarray(file.rows, dtype=object)[:, place_columns(files[0], file)] for file in files
        ]
        names = files[0].names or tuple(map(str, range(tables[0].shape[1])))
        if len(names) < 2:
            raise UserError(f"{self.train} has one column only, and needs one beside the label")
        return files, tables, self._label(list(names))

    def _columns(
        self, files: list[Delimited], tables: list[np.ndarray], place: int
    ) -> list[Column]:
        def words(table: int, row: int, column: int) -> str:
            return cell(files, table, row, column + (column >= place))

        features = [np.delete(table, place, axis=1) for table in tables]
        missing = frozenset(text.strip().lower() for text in self.missing)
        found = read_columns(features, words, missing=missing, decimal=self.decimal)
        check_header(files[0], tables[0], place, found)
        note_unique(files[0], place, found)
        return found

    def _label(self, names: list[str]) -> int:
        if isinstance(self.label, str):
            if self.label not in names:
                raise UserError(f"the table has no column {self.label!r}: {', '.join(names)}")
            return names.index(self.label)
        if not -len(names) <= self.label < len(names):
            raise UserError(f"the table has {len(names)} columns and none is number {self.label}")
        return self.label % len(names)


def encode(tables: list[np.ndarray]) -> list[np.ndarray]:
    """Text to numbers: [N, C] of strings -> float32 [N, C], categories by the first table.

    Numbers are not scaled; missing ones are NaN.
    """
    columns = read_columns(tables)
    return [
        np.stack(x, axis=1).astype(np.float32)
        for x in zip(*(column.values for column in columns), strict=True)
    ]


def categories(tables: list[np.ndarray]) -> tuple[int, ...]:
    """For each column of `encode`'s tables of text: 0 if numeric, else its categories, 0 included.

    Args:
      tables: [N, C] of strings, the training table first.

    Returns:
      One number a column, as `jssl.encoders.table.TableTransformer` wants them.
    """
    return tuple(0 if names is None else 1 + len(names) for names in values(tables))


def values(tables: list[np.ndarray]) -> tuple[tuple[str, ...] | None, ...]:
    """For each column of tables of text None if it is numeric, else the names of its categories.

    Args:
      tables: [N, C] of strings, the training table first.

    Returns:
      See `Columns`.
    """
    return tuple(column.names for column in read_columns(tables))


def _numbered(categories: tuple[int, ...], names: list[str]) -> Columns:
    # A category's name is a word of its own, that no other column has.
    values = [
        tuple(f"{name.replace(' ', '')}is{k}" for k in range(1, count)) if count else None
        for name, count in zip(names, categories, strict=True)
    ]
    return Columns(tuple(names), tuple(values))


@dataclass(frozen=True)
class RandomRows(Ranged):
    """Random rows with given columns, used in tests in place of a table that is not present.

    Attributes:
      categories: for each column 0 if it is numeric, else the number of its categories.
    """

    categories: Naturals

    def columns(self) -> Columns:
        """Columns and categories by their numbers."""
        return _numbered(self.categories, [f"column {k}" for k in range(len(self.categories))])

    def load(self) -> Splits:
        """Draws 24, 8 and 8 rows with two labels."""
        parts = []
        for part, count in (("train", 24), ("validation", 8), ("test", 8)):
            words = random_words(0, f"random rows {part}", count * len(self.categories))
            u = (words / 2.0**64).reshape(count, -1)
            kinds = np.asarray(self.categories)
            row = np.where(kinds > 0, np.floor(u * kinds), 4.0 * u - 2.0).astype(np.float32)
            label = np.arange(count, dtype=np.int32) % 2
            parts.append(ArraySource({"row": row, "label": label}))
        return Splits(*parts, name="random rows", classes=("0", "1"))


@dataclass(frozen=True)
class Factors(Ranged):
    """Procedural rows: 12 columns, of which 9 depend on three latent factors and 3 are noise.

    Six numeric columns are non-linear functions of the factors and three categorical columns depend
    on them stochastically; two numeric columns and one categorical column are noise. The label is
    given by the signs of the first two factors.

    Attributes:
      train: number of training rows.
      validation: number of validation rows.
      test: number of test rows.
      noise: standard deviation of the noise added to each number.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 2048
    validation: Count = 512
    test: Count = 1024
    noise: NonNegative = 0.5
    seed: Seed = 0

    CATEGORIES = (0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 5)
    KINDS = (("bent", 6), ("idle", 2), ("turned", 3), ("other", 1))

    def smoke(self) -> Factors:
        """A copy with a few rows, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def columns(self) -> Columns:
        """Column names made of the factor they depend on and a number."""
        names = [f"{kind} {k}" for kind, count in self.KINDS for k in range(count)]
        return _numbered(self.CATEGORIES, names)

    def load(self) -> Splits:
        """Draws the rows.

        Returns:
          Splits with `row` float32 [12] and `label` int32.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        if min(counts.values()) < 1:
            raise UserError(f"factors needs at least one row in each split, not {counts}")
        parts = {part: self._split(part, count) for part, count in counts.items()}
        return Splits(**parts, name="factors", classes=("--", "-+", "+-", "++"))

    def _split(self, part: str, count: int) -> ArraySource:
        def uniform(purpose: str, shape: tuple[int, ...]) -> np.ndarray:
            raw = random_words(self.seed, f"factors {purpose}", int(np.prod(shape)))
            return ((raw >> np.uint64(11)).astype(np.float64) / 2.0**53).reshape(shape)

        def normal(purpose: str, shape: tuple[int, ...]) -> np.ndarray:
            u = uniform(purpose, (*shape, 2))
            return np.sqrt(-2.0 * np.log1p(-u[..., 0])) * np.cos(2.0 * np.pi * u[..., 1])

        # Rows are drawn one after another, so that a larger split begins with the smaller one.
        z = normal(f"{part} z", (count, 3))
        ways = normal("ways", (3, 6))
        turns = 3.0 * normal("turns", (3, 3, 4))
        numbers = np.tanh(z @ ways) + self.noise * normal(f"{part} noise", (count, 6))
        score = np.einsum("nz,zck->nck", z, turns)
        chance = -np.log(-np.log(1e-12 + (1 - 2e-12) * uniform(f"{part} chance", (count, 3, 4))))
        codes = 1 + np.argmax(score + chance, axis=2)
        idle = normal(f"{part} idle", (count, 2))
        other = 1 + (4 * uniform(f"{part} other", (count, 1))).astype(np.int64)
        row = np.concatenate([numbers, idle, codes, other], axis=1).astype(np.float32)
        label = (2 * (z[:, 0] > 0) + (z[:, 1] > 0)).astype(np.int32)
        return ArraySource({"row": row, "label": label})
