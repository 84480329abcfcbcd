"""What is to be told of the examples of a file: one label each, or several."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jssl.data.class_labels import class_names, encode_labels
from jssl.data.notes import shown
from jssl.errors import UserError

_MARKS = re.compile(r"[;|]")
YES, NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")
_FEW = 20  # labels, of which each may be of one example


class Targets(NamedTuple):
    """The labels of a data set.

    Attributes:
      arrays: split -> {"label": int32 [N]} or {"tags": uint8 [N, K]}.
      classes: names of the classes, where each example has one label.
      tags: names of the labels, where an example may have several.
    """

    arrays: dict[str, dict[str, np.ndarray]]
    classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def of(self, part: str) -> dict[str, np.ndarray]:
        """The arrays of a split; {} without labels."""
        return self.arrays.get(part, {})


def read_targets(
    parts: Mapping[str, Any],
    where: str,
    *,
    names: Sequence[Any] | None = None,
    **options: Any,
) -> Targets:
    """Numbers labels consistently over all splits.

    Labels are several of an example if any is a text with ";" or "|", which separate them
    ("sea;sun"; a blank text has none), or if they are an array of 0 and 1 [N, K]. Otherwise each
    example has one (`jssl.data.class_labels.encode_labels`).

    Args:
      parts: split -> labels [N], or 0 and 1 [N, K].
      where: of what the labels are, such as the file, for messages.
      names: of the classes, or of the K labels; None where the data set brings none.
      **options: of `encode_labels`.

    Raises:
      UserError: a label is missing or not valid, or no label is of two examples.
    """
    if all(np.ndim(value) == 2 and np.shape(value)[1] > 1 for value in parts.values()):
        return _of_arrays({part: np.asarray(value) for part, value in parts.items()}, where, names)
    texts = {part: [_plain(one) for one in value] for part, value in parts.items() if _text(value)}
    if any(map(several, texts.values())):
        if len(texts) < len(parts):
            raise UserError(f"{where}: the labels of some splits are texts, and others are numbers")
        return _of_texts(texts, where)
    numbers, classes = encode_labels(parts, where, names=names, **options)
    return Targets({part: {"label": value} for part, value in numbers.items()}, classes)


def several(texts: Sequence[str]) -> bool:
    """Whether labels are several of an example: any has ";" or "|"."""
    return any(_MARKS.search(one) for one in texts)


def distinct_labels(texts: Sequence[str]) -> set[str]:
    """The different labels of some examples, each of which may have several."""
    if not several(texts):
        return set(texts)
    return {one.strip() for text in texts for one in _MARKS.split(text)} - {""}


def check_repeated(texts: Sequence[str], where: str) -> None:
    """Refuses labels of which most differ, unless they are several of an example."""
    count = len(set(texts))
    if count > max(_FEW, len(texts) // 2) and not several(texts):
        raise UserError(
            f"{where}: {count} of {len(texts)} values differ, so they are no classes; name another "
            "column with --label, or say --label none"
        )


def joined(
    columns: Mapping[str, Sequence[str]], place: Callable[[str, int], str]
) -> list[str] | None:
    """The labels of each row of a table with a column of 0 or 1 for each label.

    Args:
      columns: name of a label -> its cells.
      place: (column, row) -> where a cell is, for messages.

    Returns:
      A text a row, in which ";" ends each label.

    Raises:
      UserError: naming the first cell that is neither 0 nor 1 (nor true or false, yes or no).
    """
    rows: list[str] | None = None
    for name, cells in columns.items():
        said = [cell.strip().lower() for cell in cells]
        wrong = next((k for k, cell in enumerate(said) if cell not in (*YES, *NO)), None)
        if wrong is not None:
            raise UserError(
                f"{place(name, wrong)} is {cells[wrong]!r}, and a column for a label holds 0 or 1"
            )
        own = [f"{name};" if cell in YES else "" for cell in said]
        rows = own if rows is None else [a + b for a, b in zip(rows, own, strict=True)]
    return None if rows is None else [row or ";" for row in rows]


def list_cell(labels: Sequence[Any] | None) -> str:
    """A list of labels as one cell, in which ";" ends each; "" where it is missing."""
    if labels is None:
        return ""
    return "".join(f"{_MARKS.sub(',', str(one).strip())};" for one in labels) or ";"


def are_flags(cells: Sequence[str]) -> bool:
    """Whether the cells of a column are all 0 or 1 (true or false, yes or no)."""
    return all(cell.strip().lower() in (*YES, *NO) for cell in cells)


def _text(value: Any) -> bool:
    return not isinstance(value, np.ndarray) or value.dtype.kind in "USO"


def _plain(one: Any) -> str:
    return one.decode(errors="replace") if isinstance(one, bytes) else str(one)


def _of_texts(texts: Mapping[str, Sequence[str]], where: str) -> Targets:
    rows = {
        part: [{name.strip() for name in _MARKS.split(one) if name.strip()} for one in own]
        for part, own in texts.items()
    }
    names = tuple(sorted(set().union(*(row for own in rows.values() for row in own))))
    if not names:
        raise UserError(f"{where}: no example has a label")
    place = {name: k for k, name in enumerate(names)}
    arrays = {}
    for part, own in rows.items():
        table = np.zeros((len(own), len(names)), np.uint8)
        for row, labels in zip(table, own, strict=True):
            row[[place[name] for name in labels]] = 1
        arrays[part] = {"tags": table}
    total = sum(table["tags"].sum(axis=0, dtype=np.int64) for table in arrays.values())
    if len(names) > _FEW and total.max() < 2:
        raise UserError(
            f"{where}: none of the {len(names)} labels between ; or | is of two examples "
            f"({shown(list(names))}), so they are no labels; name others, or say --label none"
        )
    return Targets(arrays, (), names)


def _of_arrays(
    arrays: Mapping[str, np.ndarray], where: str, names: Sequence[Any] | None
) -> Targets:
    widths = {value.shape[1] for value in arrays.values()}
    if len(widths) > 1:
        raise UserError(f"{where}: the splits have {sorted(widths)} labels an example")
    for part, value in arrays.items():
        if value.dtype.kind not in "biuf" or not np.isin(value, (0, 1)).all():
            raise UserError(
                f"{where}: the labels of {part} {list(value.shape)} must be 0 or 1 for each of "
                f"{value.shape[1]} labels"
            )
    count = widths.pop()
    known = tuple(map(str, range(count))) if names is None else class_names(names, f"{where}: ")
    if len(known) != count:
        raise UserError(f"{where}: there are {len(known)} names of {count} labels")
    return Targets({part: {"tags": v.astype(np.uint8)} for part, v in arrays.items()}, (), known)
