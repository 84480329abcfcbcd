"""Points in time from a column of a file: dates, or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from jssl.data.checks import parse_number
from jssl.data.delimited import MISSING
from jssl.errors import UserError

_DATE = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?"
    r"\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)")  # the day first, wherever it is written
_YEAR_LAST = re.compile(r"\d{1,2}([/-])\d{1,2}\1\d{4}\b.*")
_MONTH = re.compile(r"(\d{4})-(\d{2})")


def parse_date(text: str) -> np.datetime64:
    """A date such as 2016-07-01, 2016/7/1 3:00, 2016-07-01T03:00:00.5+02:00, 1.7.2016 or 2016-07.

    With the year last and slashes, day and month cannot be told apart, so that it is none.

    Returns:
      Milliseconds, in UTC where the text has an offset.

    Raises:
      ValueError: it is none, or is of no calendar.
    """
    text = text.strip()
    month = _MONTH.fullmatch(text)
    if month is not None:
        return np.datetime64(text, "ms")
    dotted = _DOTTED.fullmatch(text)
    if dotted is not None:
        day, month, year, rest = dotted.groups()
        text = f"{year}-{month}-{day}{rest}"
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


def year_last(text: str) -> bool:
    """Whether a text is a date such as 03/04/2016, whose day and month cannot be told apart."""
    return _YEAR_LAST.fullmatch(text.strip()) is not None


def read_times(texts: Sequence[str], places: Sequence[str], where: str) -> np.ndarray:
    """A column of points in time.

    Args:
      texts: dates (`parse_date`), or numbers; all of one kind.
      places: the position of each, such as "line 7, column 'date'".
      where: what holds them, for messages.

    Returns:
      [N], datetime64[ms] or float64.

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
            more = "; write the year first, such as 2016-07-31" if year_last(text) else ""
            raise UserError(f"{where}, {place}: {text[:60]!r} is not {kind}{more}") from None
        found.append(value)
    return np.asarray(found, "datetime64[ms]" if dates else np.float64)


def dates_to_days(columns: Sequence[np.ndarray]) -> bool:
    """Writes the dates of a column as days since 1970, if it holds nothing but dates and gaps.

    Args:
      columns: the texts of the column in each of several files, which are changed in place.

    Returns:
      Whether it holds dates.
    """
    texts = {text for own in columns for text in own if text.strip().lower() not in MISSING}
    if not texts or not all(map(is_time, texts)):
        return False
    day = np.timedelta64(1, "D")
    days = {text: repr(float((parse_date(text) - np.datetime64(0, "ms")) / day)) for text in texts}
    for own in columns:
        own[:] = [days.get(text, text) for text in own]
    return True
