"""Validation of `run.json` when it is read, since the file may be damaged or untrusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _seed(value: Any) -> bool:
    return _whole(value) and 0 <= value < 2**32


def _count(value: Any) -> bool:
    return _whole(value) and 0 <= value < 2**53


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _of(check: Check) -> Check:
    """Whether all values of a mapping satisfy a condition."""
    return lambda value: _mapping(value) and all(map(check, value.values()))


def _either(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _none(value: Any) -> bool:
    return value is None


def _having(**checks: Check) -> Check:
    """Whether a mapping has these entries and each satisfies its condition."""
    return lambda value: (
        _mapping(value) and all(key in value and check(value[key]) for key, check in checks.items())
    )


def _start(value: Any) -> bool:
    fields = {"folder": _text, "fingerprint": _text, "step": _count}
    sound = _having(**fields)(value) and value.keys() <= {*fields, "family"}
    return sound and _either(_none, _text)(value.get("family"))


def _accepted(value: Any) -> bool:
    one = _having(changes=_texts, time=_text, trained_on=lambda x: isinstance(x, bool))
    return isinstance(value, list) and all(map(one, value))


def _mesh(value: Any) -> bool:
    return not value or _having(data=_positive, fsdp=_positive)(value)


def _positive(value: Any) -> bool:
    return _count(value) and value > 0


_SPLIT = _having(examples=_count, fingerprint=_text)
_OWN_FIELDS = {"path": _text, "form": _text, "options": _mapping, "line": _text, "facts": _mapping}


def _own(value: Any) -> bool:
    return _having(**_OWN_FIELDS)(value) and _of(_text)(value.get("moved", {}))


# name -> (whether it must be there, what it must be, in words, the check)
_ENTRIES: Mapping[str, tuple[bool, str, Check]] = {
    "fingerprint": (True, "a text", _text),
    "name": (True, "a text", _text),
    "seed": (True, "a number from 0 to 4294967295", _seed),
    "overrides": (True, "a list of texts", _texts),
    "experiment": (True, "a mapping", _mapping),
    "start": (False, "a folder, a fingerprint and a step", _either(_none, _start)),
    "own": (False, "a path, a form, options, a line and facts", _own),
    "versions": (False, "a mapping of texts", _of(_text)),
    "hardware": (False, "a text", _text),
    "command": (False, "a text", _text),
    "mesh": (False, "sizes of data and fsdp", _mesh),
    "data": (
        False,
        "examples and a fingerprint of each split",
        _having(train=_SPLIT, validation=_SPLIT, test=_SPLIT),
    ),
    "code": (False, "a mapping of texts", _of(_text)),
    "execution": (False, "a mapping", _mapping),
    "accepted_changes": (False, "a list of changes", _accepted),
}


def record_trouble(record: Any) -> str | None:
    """What is wrong with the content of a `run.json`.

    Args:
      record: as read from JSON. Unknown entries are ignored.

    Returns:
      A clause such as "seed is 'x', not a number from 0 to 4294967295"; None if the record is
      valid.
    """
    if not _mapping(record):
        return f"it holds a {type(record).__name__}, not a record"
    for name, (needed, words, check) in _ENTRIES.items():
        if name not in record:
            if needed:
                return f"it has no {name!r}"
        elif not check(record[name]):
            return f"{name} is {repr(record[name])[:80]}, not {words}"
    return None
