"""Missing values of long series: each takes the last value before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jssl.data.notes import note, shown
from jssl.errors import UserError

_MOST = 0.5  # share of a column's values that may be missing


def fill_gaps(
    values: np.ndarray, owner: np.ndarray, names: Sequence[str], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Carries the last observation forward, which uses nothing that is later than a gap.

    Rows of a series before the first value of each of its columns are left out. A note says how
    many values and rows that concerns.

    Args:
      values: float [T, C], NaN where one is missing.
      owner: integers [T], the series of each row; the rows of a series follow each other.
      names: of the C columns.
      where: what holds the values, for messages.

    Returns:
      (values [R, C] without NaN, the positions of their rows [R]).

    Raises:
      UserError: more than half of the values of a column are missing, or a series has none in one.
    """
    absent = np.isnan(values)
    rows = np.arange(len(values))
    if not absent.any():
        return values, rows
    share = absent.mean(axis=0)
    worst = int(share.argmax())
    if share[worst] > _MOST:
        raise UserError(
            f"{where}: {share[worst]:.0%} of the values of {names[worst]!r} are missing, too many "
            "to fill; leave that column out (--columns names those to read), or the rows"
        )
    begins = np.flatnonzero(np.diff(owner, prepend=owner[:1] - 1))
    first = np.repeat(begins, np.diff([*begins, len(values)]))
    last = np.maximum.accumulate(np.where(absent, -1, rows[:, None]), axis=0)
    seen = last >= first[:, None]  # within the series
    whole = seen.all(axis=1)
    lacking = np.setdiff1d(owner, owner[whole])
    if lacking.size:
        row = int(np.flatnonzero(owner == lacking[0])[0])
        column = names[int(np.argmin(seen[owner == lacking[0]].any(axis=0)))]
        raise UserError(
            f"{where}: the series that begins with row {row + 1} has no value of {column!r} "
            f"({len(lacking)} such series); leave it out"
        )
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    concerned = [repr(names[k]) for k in np.flatnonzero(absent.any(axis=0))]
    early = int((~whole).sum())
    more = f"; {early} rows before the first value of each column are left out" if early else ""
    note(
        f"{where}: {absent.sum()} of {absent.size} values are missing ({shown(concerned)}) and "
        f"take the last one before them{more}"
    )
    return filled[whole], rows[whole]
