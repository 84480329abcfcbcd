"""Checks of the arrays in a file: present, of the right kind, and consistent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jssl.errors import UserError

_KINDS = {
    "iu": "whole numbers",
    "biu": "truth values or whole numbers",
    "iuf": "numbers",
    "US": "texts",
}


def check_fields(
    arrays: Mapping[str, np.ndarray], path: str | Path, fields: Mapping[str, tuple[str, int]]
) -> None:
    """Refuses arrays that are missing or have the wrong kind of dtype or number of axes.

    Args:
      arrays: of the file, by name.
      path: of the file.
      fields: name -> (kinds of dtypes, one of `iu`, `biu`, `iuf` and `US`; number of axes).

    Raises:
      UserError: naming the file, the array and what is expected.
    """
    lacking = [key for key in fields if key not in arrays]
    if lacking:
        raise UserError(f"{path} lacks the arrays {', '.join(lacking)}")
    for key, (kinds, axes) in fields.items():
        found = arrays[key]
        if found.dtype.kind not in kinds or found.ndim != axes:
            raise UserError(
                f"{path}: {key} must hold {_KINDS[kinds]} with {axes} axes, not {found.dtype} of "
                f"shape {list(found.shape)}"
            )


def check_bounds(bounds: np.ndarray, total: int, path: str | Path, key: str) -> None:
    """Refuses bounds of parts that do not increase from 0 to the end.

    Args:
      bounds: integers [parts + 1], where each part begins, and the end.
      total: number of elements that are divided into parts.
      path: of the file.
      key: name of the bounds.

    Raises:
      UserError: naming the file and the bounds.
    """
    # Python's own numbers, of which differences do not wrap.
    ends = [int(bound) for bound in bounds]
    if not ends or ends[0] != 0 or ends[-1] != total or ends != sorted(ends):
        raise UserError(
            f"{path}: {key} must begin with 0, never go down and end with {total}, not "
            f"{ends[0] if ends else 'nothing'} to {ends[-1] if ends else 'nothing'}"
        )


def check_range(values: np.ndarray, count: int, path: str | Path, key: str) -> None:
    """Refuses integers that do not lie in [0, count).

    Raises:
      UserError: naming the file, the array and the first such value with its position.
    """
    wrong = np.argwhere((values < 0) | (values >= count))
    if len(wrong):
        index = tuple(int(k) for k in wrong[0])
        raise UserError(
            f"{path}: {key} must hold numbers from 0 to {count - 1}, and it has {values[index]} at "
            f"{list(index)}"
        )
