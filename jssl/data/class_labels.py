"""Class indices from labels as written in files: integers, names, or either as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jssl.errors import UserError

MISSING = frozenset({"", "nan", "<na>", "n/a"})  # in small letters; what marks a missing label
_SHOWN = 3


def encode_labels(
    parts: Mapping[str, Any],
    where: str = "",
    *,
    names: Sequence[Any] | None = None,
    order: Callable[[str], Any] | None = None,
    same: Callable[[str], str] = str.strip,
    missing: frozenset[str] = MISSING,
    negative: bool = False,
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Numbers the classes of a data set from 0, consistently over all splits.

    Labels are compared by value before anything is cast: 1 and 2**32 + 1 are two classes, 1 and
    1.0 are one, "1" and "1." are two unless `same` says otherwise. A class that occurs in only one
    split still counts.

    Without `names` the classes are the values that occur, in ascending or alphabetical order, and
    the values are their names. With `names` (K of them):

    * text labels must be among them and are numbered in the order of `names`; * numeric labels from
    0 to K - 1 are kept, so a class may have no examples; * other numbers, K different ones (1 to K,
    or 0, 10, 20), are named in their order.

    Args:
      parts: split -> labels [N] or [N, 1]: integers of any width, floats that are whole numbers,
        booleans, or texts (unicode, UTF-8 bytes or Python's own).
      where: of what the labels are, such as the file, for messages.
      names: of the classes, each one once; None where the data set brings none.
      order: key by which texts are sorted; None sorts them as they are.
      same: key by which texts are compared; by default they are stripped of surrounding whitespace.
      missing: lower-case texts that mark a missing label.
      negative: whether numbers below 0 are classes like others. By default they are refused,
        because -1 marks a missing label in many files.

    Returns:
      (split -> int32 [N] in 0 ... K - 1, the K names).

    Raises:
      UserError: naming the split and the row, when a label is missing (None, NaN, NaT, a blank
        text, or below 0), is not a whole number, or has no name; when splits mix numbers and texts;
        or when the shape is another.
    """
    start = f"{where}: " if where else ""
    read = {
        part: _values(value, f"{start}the labels of {part}", same, missing, negative)
        for part, value in parts.items()
    }
    kinds = {part: value.dtype.kind == "U" for part, value in read.items() if value.size}
    if len(set(kinds.values())) > 1:
        texts = next(part for part, text in kinds.items() if text)
        numbers = next(part for part, text in kinds.items() if not text)
        raise UserError(
            f"{start}the labels of {texts} are texts and those of {numbers} are numbers; write "
            "all splits in the same way"
        )
    found = _distinct([value for value in read.values() if value.size])
    if order is not None and any(kinds.values()):
        found = sorted(found, key=order)
    if names is None:
        table, classes = {value: k for k, value in enumerate(found)}, tuple(map(str, found))
    else:
        classes = class_names(names, start)
        table = _numbered(found, classes, start, same)
    return {part: _look_up(value, table) for part, value in read.items()}, classes


def class_names(names: Sequence[Any], start: str = "") -> tuple[str, ...]:
    """Names of classes as texts.

    Args:
      names: texts, UTF-8 bytes or numbers [K].
      start: how messages begin.

    Raises:
      UserError: they are no list, two are equal, or one is blank.
    """
    listed = np.asarray(names)
    if listed.ndim != 1 or not listed.size or listed.dtype == object:
        raise UserError(f"{start}the names of the classes must be a list of texts, one for each")
    classes = tuple(
        (name.decode(errors="replace") if isinstance(name, bytes) else str(name)).strip()
        for name in listed.tolist()
    )
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise UserError(f"{start}two classes have the name {twice[0]!r}; names must differ")
    if "" in classes:
        raise UserError(f"{start}the class {classes.index('')} has a blank name; give it one")
    return classes


def check_class_numbers(label: np.ndarray, count: int | None, where: str) -> np.ndarray:
    """Checks class indices that a data set declares, before they are cast to a narrower type.

    Args:
      label: integers [N].
      count: number of classes; None if unknown.
      where: how messages name the array.

    Returns:
      int32 [N].

    Raises:
      UserError: naming the row and the value that is below 0, or not below `count`.
    """
    label = np.asarray(label)
    top = np.iinfo(np.int32).max if count is None else count - 1
    if label.dtype.kind not in "iub":
        raise UserError(f"{where} must be whole numbers, not {label.dtype}")
    wrong = np.flatnonzero((label < 0) | (label > top))
    if wrong.size:
        raise UserError(
            f"{where}: row {wrong[0]} has the label {label[wrong[0]]}, and class numbers go from 0 "
            f"to {top}; leave out examples without a label (often written as -1)"
        )
    return label.astype(np.int32)


def _values(
    label: Any,
    where: str,
    same: Callable[[str], str],
    missing: frozenset[str],
    negative: bool,
) -> np.ndarray:
    """One split's labels: int64 or uint64 [N], or unicode [N]."""
    try:
        label = np.asarray(label)
    except ValueError:  # rows of several lengths
        raise UserError(f"{where} must be one label for each example") from None
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    if label.ndim != 1:
        raise UserError(
            f"{where} must have the shape [N], not {list(label.shape)}; give class numbers, for "
            "example one_hot.argmax(axis=1) for one-hot labels"
        )
    if not label.size:
        return np.zeros(0, np.int64)
    if label.dtype == object:
        label = _homogeneous(label, where)
    if label.dtype.kind in "US":
        return _texts(label, where, same, missing)
    if label.dtype.kind not in "iubf":
        raise UserError(f"{where} must be numbers or texts, not {label.dtype}")
    if label.dtype.kind == "f":
        label = _whole(label, where)
    if label.dtype.kind in "ib" and not negative and (low := np.flatnonzero(label < 0)).size:
        raise UserError(
            f"{where} must be class numbers from 0 up, and {label[low[0]]} stands in row {low[0]} "
            f"({low.size} such rows); leave out examples without a label, or number classes from 0"
        )
    return label if label.dtype == np.uint64 else label.astype(np.int64)


def _homogeneous(label: np.ndarray, where: str) -> np.ndarray:
    """An array of Python's objects as one of numbers or of texts."""
    absent = [i for i, value in enumerate(label) if _absent(value)]
    if absent:
        raise _lacking(where, absent, label[absent[0]])
    if all(isinstance(value, str) for value in label):
        return label.astype(np.str_)
    if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in label):
        numbers = np.array([value for value in label])
        if numbers.dtype != object:
            return numbers
    raise UserError(f"{where} mix kinds of values; give whole numbers or texts")


def _absent(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # of pandas


def _texts(
    label: np.ndarray, where: str, same: Callable[[str], str], missing: frozenset[str]
) -> np.ndarray:
    try:
        raw = label if label.dtype.kind == "U" else np.char.decode(label, "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where} are bytes that are no UTF-8 ({error})") from None
    different, inverse = np.unique(raw, return_inverse=True)
    kept = [same(str(value)) for value in different]
    gaps = [k for k, value in enumerate(kept) if value.strip().lower() in missing]
    if gaps:
        rows = np.flatnonzero(np.isin(inverse, gaps))
        raise _lacking(where, rows, str(raw[rows[0]]))
    return np.array(kept)[inverse.reshape(-1)]


def _whole(label: np.ndarray, where: str) -> np.ndarray:
    gaps = np.flatnonzero(np.isnan(label))
    if gaps.size:
        raise _lacking(where, gaps, label[gaps[0]])
    broken = np.flatnonzero(~np.isfinite(label) | (label != np.floor(label)))
    if broken.size:
        raise UserError(
            f"{where} must be whole numbers or texts, and {label[broken[0]]} stands in row "
            f"{broken[0]} ({broken.size} such rows); a measured value is not a class"
        )
    bits = np.finfo(label.dtype).nmant + 1
    if np.abs(label).max() >= 2.0 ** min(bits, 62):
        raise UserError(
            f"{where} hold {label[np.abs(label).argmax()]:.0f}, and {label.dtype} tells whole "
            f"numbers apart only below 2**{min(bits, 62)}; write them as integers"
        )
    return label.astype(np.int64)


def _lacking(where: str, rows: Sequence[int] | np.ndarray, value: Any) -> UserError:
    listed = ", ".join(str(row) for row in rows[:_SHOWN]) + (", ..." if len(rows) > _SHOWN else "")
    value = value.item() if isinstance(value, np.generic) else value
    return UserError(
        f"{where}: row {listed} has no label ({value!r}); {len(rows)} of them are missing: leave "
        "those examples out, or give them a class of their own"
    )


def _distinct(values: list[np.ndarray]) -> list[Any]:
    """The distinct values of all splits in order, as Python objects, which cannot overflow."""
    return sorted({one for value in values for one in np.unique(value).tolist()})


def _look_up(value: np.ndarray, table: Mapping[Any, int]) -> np.ndarray:
    if not value.size:
        return np.zeros(0, np.int32)
    different, inverse = np.unique(value, return_inverse=True)
    return np.array([table[one] for one in different.tolist()], np.int32)[inverse.reshape(-1)]


def _numbered(
    found: list[Any], classes: tuple[str, ...], start: str, same: Callable[[str], str]
) -> dict[Any, int]:
    if found and isinstance(found[0], str):
        known = {same(name): k for k, name in enumerate(classes)}
        lacking = [value for value in found if value not in known]
        if lacking:
            raise UserError(
                f"{start}the label {lacking[0]!r} is not among the {len(classes)} names of classes "
                f"({_shortened(classes)})"
            )
        return {value: known[value] for value in found}
    if not found or (found[0] >= 0 and found[-1] < len(classes)):
        return {value: int(value) for value in found}
    if len(found) == len(classes):
        return {value: k for k, value in enumerate(found)}
    raise UserError(
        f"{start}the labels are {len(found)} different numbers from {found[0]} to {found[-1]}, and "
        f"there are {len(classes)} names of classes ({_shortened(classes)}); give a name for each "
        "class, or labels that count the names from 0"
    )


def _shortened(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
