"""Steps of `jssl.data.tables.Table` after the cells of its files have been read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jssl.data.checks import parse_number, standardised, train_scale
from jssl.data.class_labels import encode_labels
from jssl.data.column_types import Column
from jssl.data.delimited import MISSING, Delimited
from jssl.data.notes import note
from jssl.data.source import ArraySource, Splits, read_all
from jssl.errors import UserError

_CLASSES = 20  # fewer may be classes or categories, whatever they are called
_ENOUGH = 8  # rows from which a first line whose values never come again is one of names


def cell(files: list[Delimited], table: int, row: int, column: int) -> str:
    """Describes a cell; columns are numbered as in the first file."""
    file, names = files[table], files[0].names
    own = column if names is None else file.names.index(names[column])
    return f"{file.path}, {file.place(row, own)}"


def read_labels(
    files: list[Delimited], tables: list[np.ndarray], place: int
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Labels of each file, int32 [N], and the names of the classes."""
    texts = [list(table[:, place]) for table in tables]
    found = {text for own in texts for text in own}
    absent = MISSING - ({"-"} if "+" in found else set())
    for number, own in enumerate(texts):
        rows = [row for row, text in enumerate(own) if text.lower() in absent]
        if rows:
            raise UserError(
                f"{cell(files, number, rows[0], place)}: the label is missing "
                f"({own[rows[0]]!r}, in {len(rows)} of {len(own)} rows); leave those rows out, or "
                "give them a class of their own"
            )
    _refuse_measured(texts[0], cell(files, 0, 0, place))
    if len(texts) > 1 and all(text.endswith(".") for text in texts[1]):
        # The published test file of Adult ends its labels with a full stop.
        plain = [text.rstrip(".") for text in texts[1]]
        if set(plain) <= set(texts[0]):
            texts[1] = plain
    parts = dict(zip(("train", "test"), texts, strict=False))
    return encode_labels(parts, str(files[0].path), missing=frozenset())


def _refuse_measured(labels: list[str], where: str) -> None:
    """Refuses labels that are continuous values, most of which are distinct."""
    different = set(labels)
    if len(different) <= max(_CLASSES, len(labels) // 2) or not all(map(is_number, different)):
        return
    if any(float(text) % 1 for text in different):
        raise UserError(
            f"{where}: {len(different)} of {len(labels)} labels differ and they are no whole "
            "numbers; a measured value is not a class, so name the label's column with label=..."
        )


def note_unique(file: Delimited, place: int, columns: list[Column]) -> None:
    """Logs a note about uninformative columns, with a distinct category in each row."""
    names = file.names or tuple(map(str, range(len(columns) + 1)))
    own = [*names[:place], *names[place + 1 :]]
    unique = [
        repr(name)
        for name, column in zip(own, columns, strict=True)
        if column.names is not None and len(column.names) == len(file.rows) > _CLASSES
    ]
    if unique:
        note(
            f"{file.path}: the column {', '.join(unique)} has another text in each of "
            f"{len(file.rows)} rows, and is read as as many categories"
        )


def check_header(file: Delimited, table: np.ndarray, place: int, columns: list[Column]) -> None:
    """Refuses a `header` setting that contradicts the first line."""
    if file.names is None:
        first = table[0]
        if (
            len(table) >= _ENOUGH
            and not any(is_number(cell) for cell in first)
            and all(np.sum(table[:, k] == cell) == 1 for k, cell in enumerate(first))
        ):
            raise UserError(
                f"{file.path}: the first line ({', '.join(first)}) seems to name the columns; say "
                "header=True"
            )
        return
    names = [*file.names[:place], *file.names[place + 1 :]]
    numeric = [n for n, column in zip(names, columns, strict=True) if column.names is None]
    if numeric and all(map(is_number, numeric)) and file.names[place] in set(table[:, place]):
        raise UserError(
            f"{file.path}: the first line ({', '.join(file.names)}) holds values, not names of "
            "columns; set header=False, or add a line of names"
        )


def is_number(text: str) -> bool:
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def scaled(
    rows: list[np.ndarray],
    splits: Splits,
    numeric: np.ndarray,
    files: list[Delimited],
    place: int,
) -> list[np.ndarray]:
    """Each file's rows, float32, with numeric columns standardised by the training split."""
    chosen = read_all(splits.train)["number"]
    mean, scale = train_scale(rows[0][chosen])
    scale = np.where(numeric, mean, 0.0), np.where(numeric, scale, 1.0)
    out = []
    for number, x in enumerate(rows):

        def words(index: tuple[int, ...], number: int = number) -> str:
            row, column = index
            return cell(files, number, row, column + (column >= place))

        out.append(np.nan_to_num(standardised(x, scale, "the table", words)))
    return out


def with_rows(splits: Splits, rows: list[np.ndarray]) -> Splits:
    """Splits with rows in place of their numbers; those of test are of the last file."""
    found = {}
    for part, own in (("train", rows[0]), ("validation", rows[0]), ("test", rows[-1])):
        batch = read_all(getattr(splits, part))
        found[part] = ArraySource({"row": own[batch["number"]], "label": batch["label"]})
    return replace(splits, **found)
