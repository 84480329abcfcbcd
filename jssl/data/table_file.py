"""One's own table: CSV or Parquet, with or without labels, groups and times."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jssl.core.ranges import Naturals, Ranged
from jssl.data.checks import standardised, train_scale
from jssl.data.column_types import Column, read_columns
from jssl.data.delimited import Delimited
from jssl.data.holdout import divide
from jssl.data.notes import note, shown
from jssl.data.row_files import (
    TABLES,
    column,
    column_values,
    find_labels,
    label_texts,
    positions,
    read_rows,
    same_columns,
    times,
)
from jssl.data.source import ArraySource, Source, Splits, SubsetSource
from jssl.data.split_files import split_files
from jssl.data.splitting import SplitRule
from jssl.data.tables import Columns, Factors, RandomRows
from jssl.data.targets import Targets, check_repeated, read_targets
from jssl.data.times import dates_to_days
from jssl.errors import UserError

_MANY = 20  # rows, from which on a column with another text in each is a name


@dataclass(frozen=True)
class TableFile(Ranged):
    """A table with one example a row, which may have no labels.

    Columns are numeric or categorical by the rules of `jssl.data.tables.Table`: numbers are
    standardised by the training split, categories are numbered by the training file's, from 1 up.
    A column of dates is numeric, in days. A column of texts that all differ is a name and is left
    out, which a note says; so are the columns of the label, the group and the time.

    Attributes:
      path: of a `.csv`, `.tsv` or `.parquet` file (`jssl.data.row_files.read_rows`), or of a folder
        with `train`, `test` and perhaps `validation` files of these kinds.
      label: name or number of the label's column, or "none"; None finds a column that is called so.
        Cells such as "a;b" or "a|b" are several labels, and so are several columns of 0 and 1,
        named with "," between.
      group: a column, or a CSV file with as many rows, whose values stay in one split; or None.
      time: the column by which a split by time is made; None for the order of the rows.
      use: names of the columns that are read; () for all.
      categories: what `columns` finds, if it is to be checked: for each column 0 where it is
        numeric, else the number of its categories and 1.
      split: how the splits that are not there are made.
    """

    path: str
    label: str | None = None
    group: str | None = None
    time: str | None = None
    use: tuple[str, ...] = ()
    categories: Naturals = ()
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> RandomRows | Factors:
        """A few random rows in its place, for tests."""
        return RandomRows(self.categories) if self.categories else Factors().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `row` float32 [columns] and, where there are labels, `label` int32, or `tags`
          uint8 [K] where a row may have several.

        Raises:
          UserError: a file is missing, damaged or not rectangular; a number is not finite, or a
            cell no number in a column of numbers; a label is missing; or a column is not there.
        """
        return self.read()[0]

    def columns(self) -> Columns:
        """The columns that are read, in order."""
        return self.read()[1]

    def read(self) -> tuple[Splits, Columns]:
        """The results of `load` and `columns`, so that files are read once."""
        files = split_files(self.path, TABLES, "a table")
        tables = same_columns({part: read_rows(path) for part, path in files.items()})
        train = tables["train"]
        places = find_labels(train, self.label)
        targets = Targets({})
        if places:
            targets = _labels(tables, places)
        group, left = None, {*places}
        if self.group is not None:
            group, own = column_values(train, self.group, "--group")
            left.add(own)
        time = None
        if self.time is not None:
            time = times(train, self.time)
            left.add(column(train, self.time, "--time"))
        chosen = positions(self.use, train, "--columns") if self.use else range(len(train.names))
        kept = [k for k in chosen if k not in left]
        if not kept:
            raise UserError(f"{train.path} has no column beside the label")
        kept, found = self._columns(tables, kept)
        kinds = tuple(0 if one.names is None else 1 + len(one.names) for one in found)
        if self.categories and self.categories != kinds:
            raise UserError(f"{self.path} has columns of {kinds} categories, not {self.categories}")
        sources: dict[str, Source] = {}
        for part, table in tables.items():
            numbers = np.arange(len(table.rows))
            sources[part] = ArraySource({"number": numbers, **targets.of(part)})
        splits = divide(
            sources,
            self.split,
            f"rows of {self.path}",
            name=files["train"].name.partition(".")[0],
            targets=targets,
            group=group,
            time=time,
        )
        rows = self._rows(tables, kept, found, np.asarray(kinds), splits, targets)
        parts = {
            part: SubsetSource(rows[part if part in rows else "train"], _numbers(one))
            for part, one in (
                ("train", splits.train),
                ("validation", splits.validation),
                ("test", splits.test),
            )
        }
        described = Columns(tuple(train.names[k] for k in kept), tuple(one.names for one in found))
        named = {"name": splits.name, "classes": targets.classes, "tags": targets.tags}
        return Splits(**parts, **named), described

    def _columns(
        self, tables: dict[str, Delimited], kept: list[int]
    ) -> tuple[list[int], list[Column]]:
        """The columns, without those that are names of rows."""
        files = list(tables.values())
        cells = [np.asarray(file.rows, dtype=object)[:, kept] for file in files]
        dated = [k for k in range(len(kept)) if dates_to_days([own[:, k] for own in cells])]
        if dated:
            listed = shown([repr(files[0].names[kept[k]]) for k in dated])
            note(f"{files[0].path}: dates are numbers of days ({listed})")

        def words(table: int, row: int, number: int) -> str:
            return f"{files[table].path}, {files[table].place(row, kept[number])}"

        found = read_columns(cells, words)
        count = len(files[0].rows)
        names = [
            k
            for k, one in enumerate(found)
            if one.names is not None and len(one.names) == count > _MANY
        ]
        if names:
            listed = shown([repr(files[0].names[kept[k]]) for k in names])
            note(
                f"{files[0].path}: {len(names)} columns are left out, since each of {count} rows "
                f"has another text in them ({listed})"
            )
        keep = [k for k in range(len(found)) if k not in names]
        if not keep:
            raise UserError(f"{files[0].path} has another text in each row of each column")
        return [kept[k] for k in keep], [found[k] for k in keep]

    def _rows(
        self,
        tables: dict[str, Delimited],
        kept: list[int],
        found: list[Column],
        kinds: np.ndarray,
        splits: Splits,
        targets: Targets,
    ) -> dict[str, ArraySource]:
        """All rows of each file, standardised by the training split."""
        parts = list(tables)
        values = [np.stack([one.values[k] for one in found], axis=1) for k in range(len(parts))]
        mean, scale = train_scale(values[0][_numbers(splits.train)])
        numeric = kinds == 0
        used = np.where(numeric, mean, 0.0), np.where(numeric, scale, 1.0)
        out = {}
        for part, x in zip(parts, values, strict=True):
            table = tables[part]

            def words(index: tuple[int, ...], table: Delimited = table) -> str:
                return table.place(index[0], kept[index[1]])

            scaled = np.nan_to_num(standardised(x, used, str(table.path), words))
            out[part] = ArraySource({"row": scaled, **targets.of(part)})
        return out


def _labels(tables: dict[str, Delimited], places: list[int]) -> Targets:
    texts = {part: label_texts(table, *places) for part, table in tables.items()}
    train = tables["train"]
    named = ", ".join(repr(train.names[k]) for k in places)
    check_repeated(texts["train"], f"{train.path}: the label {named}")
    return read_targets(texts, f"{train.path}: the column {named}", missing=frozenset())


def _numbers(source: Source) -> np.ndarray:
    return source[np.arange(len(source))]["number"]
