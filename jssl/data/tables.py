"""Tables of numbers and categories, one row an example: CSV files, and a procedural one."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.data.arrays import finish
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits, read_all
from jssl.data.text_files import read_text
from jssl.errors import UserError

MISSING = frozenset({"", "?", "na", "nan", "null"})


class Columns(NamedTuple):
    """What a table is about.

    Attributes:
      names: of the columns.
      values: for each column None if it is numeric, else the names of its categories, that of code
        1 first.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...] | None, ...]


@dataclass(frozen=True)
class Table:
    """A table from CSV files; the label is one of its columns.

    A column is numeric if every value that is not missing is a number, in all files; all others are
    categorical. Numbers are measured from the mean of the training split in units of its standard
    deviation, a missing one is 0. A category is the place of its name in the alphabet among those
    of the training file, from 1 up; 0 is missing or unknown.

    Attributes:
      train: path of a CSV file, also with `.gz`.
      test: of another with the same columns, or None to carve it.
      label: the label's column: its name, or its number (negative from the end).
      header: whether the first line names the columns.
      categories: what `categories` finds in the columns beside the label, if that is to be checked:
        an encoder has to know it before the file is read.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving.
    """

    train: str
    test: str | None = None
    label: str | int = -1
    header: bool = True
    categories: tuple[int, ...] = ()
    fraction: float = 0.2
    seed: int = 0

    def smoke(self) -> RandomRows | Factors:
        """A few random rows in its place, for tests."""
        return RandomRows(self.categories) if self.categories else Factors().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `row` float32 [columns] and `label` int32.

        Raises:
          UserError: a file is missing or not rectangular, or the label's column is not there.
        """
        names, tables = self._texts()
        place = self._label(names)
        classes = sorted({_name(value) for table in tables for value in table[:, place]})
        label = [
            np.asarray([classes.index(_name(v)) for v in table[:, place]], np.int32)
            for table in tables
        ]
        features = [np.delete(table, place, axis=1) for table in tables]
        kinds = categories(features)
        if self.categories and self.categories != kinds:
            raise UserError(
                f"{self.train} has columns of {kinds} categories, not {self.categories}"
            )
        rows, numeric = encode(features), np.asarray(kinds) == 0
        sources = [ArraySource({"row": x, "label": y}) for x, y in zip(rows, label, strict=True)]
        name = Path(self.train).name.split(".")[0]
        test = sources[1] if len(sources) > 1 else None
        options = {"fraction": self.fraction, "seed": self.seed}
        splits = finish(sources[0], None, test, name, tuple(classes), **options)
        return _scaled(splits, numeric)

    def columns(self) -> Columns:
        """What the file says of the columns beside the label, in their order."""
        names, tables = self._texts()
        place = self._label(names)
        features = [np.delete(table, place, axis=1) for table in tables]
        return Columns((*names[:place], *names[place + 1 :]), values(features))

    def _texts(self) -> tuple[list[str], list[np.ndarray]]:
        names, train = _read(Path(self.train).expanduser(), self.header)
        if self.test is None:
            return names, [train]
        test = _read(Path(self.test).expanduser(), self.header)[1]
        if test.shape[1] != train.shape[1]:
            raise UserError(f"{self.test} has another number of columns than {self.train}")
        return names, [train, test]

    def _label(self, names: list[str]) -> int:
        if isinstance(self.label, str):
            if self.label not in names:
                raise UserError(f"the table has no column {self.label!r}: {', '.join(names)}")
            return names.index(self.label)
        if not -len(names) <= self.label < len(names):
            raise UserError(f"the table has {len(names)} columns and none is number {self.label}")
        return self.label % len(names)


def _name(value: str) -> str:
    # The published test file of Adult ends its labels with a full stop.
    return value.rstrip(".")


def _read(path: Path, header: bool) -> tuple[list[str], np.ndarray]:
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(io.StringIO(read_text(path)), skipinitialspace=True)
        if row and not row[0].startswith("|")
    ]
    if len({len(row) for row in rows}) != 1:
        raise UserError(f"{path} is no table: its rows differ in their number of columns")
    names = rows[0] if header else [str(k) for k in range(len(rows[0]))]
    return names, np.asarray(rows[1:] if header else rows, dtype=object)


def encode(tables: list[np.ndarray]) -> list[np.ndarray]:
    """Text to numbers: [N, C] of strings -> float32 [N, C], categories by the first table.

    Numbers are as they are written, missing ones NaN.
    """
    out = [np.empty(table.shape, np.float32) for table in tables]
    for column, names in enumerate(values(tables)):
        code = {name: k + 1 for k, name in enumerate(names or ())}
        for x, table in zip(out, tables, strict=True):
            texts = table[:, column]
            x[:, column] = [_number(v) if names is None else code.get(v, 0) for v in texts]
    return out


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
    found: list[tuple[str, ...] | None] = []
    for column in range(tables[0].shape[1]):
        try:
            [_number(v) for table in tables for v in table[:, column]]
            found.append(None)
        except ValueError:
            names = {v for v in tables[0][:, column] if v.lower() not in MISSING}
            found.append(tuple(sorted(names)))
    return tuple(found)


def _number(text: str) -> float:
    return np.nan if text.lower() in MISSING else float(text)


def _scaled(splits: Splits, numeric: np.ndarray) -> Splits:
    """The splits with their numeric columns standardised by the training split."""
    parts = {part: read_all(getattr(splits, part)) for part in ("train", "validation", "test")}
    known = parts["train"]["row"].astype(np.float64)
    mean = np.where(numeric, np.nan_to_num(np.nanmean(known, axis=0)), 0.0)
    spread = np.where(numeric, np.nan_to_num(np.nanstd(known, axis=0)), 1.0)
    spread[spread == 0] = 1.0
    return replace(
        splits,
        **{
            part: ArraySource({**batch, "row": np.nan_to_num((batch["row"] - mean) / spread)})
            for part, batch in parts.items()
        },
    )


def _numbered(categories: tuple[int, ...], names: list[str]) -> Columns:
    # A category's name is a word of its own, that no other column has.
    values = [
        tuple(f"{name.replace(' ', '')}is{k}" for k in range(1, count)) if count else None
        for name, count in zip(names, categories, strict=True)
    ]
    return Columns(tuple(names), tuple(values))


@dataclass(frozen=True)
class RandomRows:
    """Rows of noise with given columns: what a table that is not here is tested with.

    Attributes:
      categories: for each column 0 if it is numeric, else the number of its categories.
    """

    categories: tuple[int, ...]

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
class Factors:
    """Procedural rows: 12 columns of which 9 show three hidden factors and 3 show nothing.

    Six numbers bend the factors, three categories follow them by chance; two numbers and a category
    are noise. The label says on which side of zero the first two factors are.

    Attributes:
      train: number of training rows.
      validation: number of validation rows.
      test: number of test rows.
      noise: standard deviation of what is added to each number.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: int = 2048
    validation: int = 512
    test: int = 1024
    noise: float = 0.5
    seed: int = 0

    CATEGORIES = (0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 5)
    KINDS = (("bent", 6), ("idle", 2), ("turned", 3), ("other", 1))

    def smoke(self) -> Factors:
        """A copy with a few rows, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def columns(self) -> Columns:
        """Columns by what they show, and a number."""
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
