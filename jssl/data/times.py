"""Points in time from a column of a file: dates with the year first, or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from jssl.data.checks import parse_number
from jssl.errors import UserError

_DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?"
    r"\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def parse_date(text: str) -> np.datetime64:
    """A date such as 2016-07-01, 2016/7/1 3:00, 2016-07-01T03:00:00.5+02:00 or 2016-07.

    Returns:
      Milliseconds, in UTC where the text has an offset.

    Raises:
      ValueError: it is none, or is of no calendar.
    """
    text = text.strip()
    month = _MONTH.fullmatch(text)
    if month is not None:
        return np.datetime64(text, "ms")
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date")
    year, _, month_, day, hour, minute, second, part, zone = found.groups()
    base = f"{year}-{int(month_):02}-{int(day):02}"
    clock = f"{int(hour or 0):02}:{minute or '00'}:{second or '00'}"
    date = np.datetime64(f"{base}T{clock}", "ms")
    if part:
        date = date + np.timedelta64(round(float(part) * 1000), "ms")
    if zone and zone[0] in "+-":
        shift = int(zone[1:3]) * 60 + int(zone[-2:])
        date = date - np.timedelta64(shift if zone[0] == "+" else -shift, "m")
    return date


def is_time(text: str) -> bool:
    """Whether a cell is a date of `parse_date`."""
    try:
        parse_date(text)
    except ValueError:
        return False
    return True


def read_times(texts: Sequence[str], places: Sequence[str], where: str) -> np.ndarray:
    """A column of points in time.

    Args:
      texts: dates (`parse_date`), or numbers; all of one kind.
      places: the position of each, such as "line 7, column 'date'".
      where: what holds them, for messages.

    Returns:
      datetime64[ms] [N] or float64 [N].

    Raises:
      UserError: naming the first that is of another kind.
    """
    dates = bool(texts) and is_time(texts[0])
    parse = parse_date if dates else parse_number
    kind = f"a date as {texts[0]!r}" if dates else "a date such as 2016-07-31 12:00, or a number"
    found = []
    for text, place in zip(texts, places, strict=True):
        try:
            value = parse(text)
            if not dates and not np.isfinite(value):
                raise ValueError
        except ValueError:
            raise UserError(f"{where}, {place}: {text[:60]!r} is not {kind}") from None
        found.append(value)
    return np.asarray(found, "datetime64[ms]" if dates else np.float64)
