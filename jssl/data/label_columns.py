"""Labels of texts and sequences in files; invalid labels are reported with their position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.data.checks import finite, parse_number
from jssl.data.class_labels import MISSING, encode_labels
from jssl.data.notes import note, shown
from jssl.errors import UserError

_FEW = 10  # labels of which each may be another


class LabelColumn(NamedTuple):
    """The labels of one file.

    Attributes:
      path: of the file.
      labels: as written in the file.
      places: the position of each, such as "line 7".
    """

    path: str | Path
    labels: Sequence[str]
    places: Sequence[str]


def number_labels(
    columns: Mapping[str, LabelColumn],
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Numbers the labels consistently over all splits, in alphabetical order.

    Args:
      columns: split -> labels; "train" is among them.

    Returns:
      (split -> int32 [N], names of the classes).

    Raises:
      UserError: naming the file and the place, when a label is missing, when all of them differ, or
        when a split has none of the labels of train.
    """
    known = {label.strip() for label in columns["train"].labels}
    for part, (path, labels, places) in columns.items():
        lacking = [p for p, k in zip(places, labels, strict=True) if k.strip().lower() in MISSING]
        if lacking:
            raise UserError(
                f"{path} has no label in {shown(lacking)} ({len(lacking)} of {len(labels)}); leave "
                "those examples out, or give them a class of their own"
            )
        found = {label.strip() for label in labels}
        if len(labels) > _FEW and len(found) == len(labels):
            raise UserError(
                f"{path} has another label in each of its {len(labels)} examples, such as "
                f"{labels[0].strip()[:40]!r}; give the column that holds the classes"
            )
        strange = sorted(found - known)
        if len(strange) == len(found):
            raise UserError(
                f"{path} has none of the labels that train has: {shown(strange)} instead of "
                f"{shown(sorted(known))}"
            )
        if strange:
            note(f"{path}: {len(strange)} labels of {part} are not in train: {shown(strange)}")
    return encode_labels({part: column.labels for part, column in columns.items()})


def read_numbers(
    written: Sequence[str], path: str | Path, name: str, places: Sequence[str]
) -> np.ndarray:
    """Parses a column of numbers.

    Args:
      written: the cells, N of them.
      path: of the file.
      name: of the column.
      places: of each cell, such as "line 7".

    Returns:
      float32 [N].

    Raises:
      UserError: naming the file and the position of a value that is not a finite number.
    """
    found = []
    for text, place in zip(written, places, strict=True):
        try:
            found.append(parse_number(text.strip()))
        except ValueError:
            raise UserError(f"{path} {place} has a {name} that is not a number: {text!r}") from None
    values = np.asarray(found, np.float64)
    finite(values, f"the {name} of {path}", lambda index: places[index[0]])
    return values.astype(np.float32)


def is_number(text: str) -> bool:
    """Whether a cell of a file is a number."""
    try:
        parse_number(text.strip())
    except ValueError:
        return False
    return True
