"""Overrides such as `a.b=c` from the command line, and the serialisation of experiments."""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import hashlib
import json
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jssl.config.user_code import public_name
from jssl.core import ranges, settings, typecheck
from jssl.core.moved import recorded_name
from jssl.core.settings import children, fields, is_pair, label, transparent
from jssl.errors import UserError, nearest
from jssl.nn import module as nn

_NOT_FINITE = re.compile(r"(?<![a-z0-9_])(nan|inf|infinity)(?![a-z0-9_])", re.IGNORECASE)


def override(root: Any, *assignments: str) -> Any:
    """Changes values of a nested frozen structure.

    Args:
      root: a dataclass, possibly nested; tuples, mappings, pipelines and `functools.partial` are
        walked as well (`views.a.random_resized_crop.scale=(0.2,1.0)`).
      *assignments: "path=value", the value in Python notation; a bare word is a string.

    Returns:
      A changed copy.

    Raises:
      UserError: for a path that does not exist (naming the nearest one that does), a value of the
        wrong type, or a value out of range.
    """
    paths = []
    with ranges.suspended():  # settings that belong together, such as a width and its heads
        for assignment in assignments:
            path, equals, text = (part.strip() for part in assignment.partition("="))
            if not equals or not path:
                raise UserError(f"--set takes key=value, got {assignment!r}")
            root = _set(root, path.split("."), _parse(text), path)
            paths.append(path)
    settings.check(root)
    if hasattr(root, "check_changed"):
        root.check_changed(paths)
    return root


def _parse(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _set(node: Any, keys: Sequence[str], value: Any, path: str) -> Any:
    key, rest = settings.present(node, keys[0]), keys[1:]
    known = children(node)
    if key not in known:
        raise UserError(f"unknown key {key!r} in {path!r}: {nearest(key, known)}")
    new = _set(known[key], rest, value, path) if rest else _checked(node, key, value, path)
    return _replace(node, key, new)


def _replace(node: Any, key: str, new: Any) -> Any:
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        if key in fields(node):
            return _with(node, key, new)
        name = next(n for n in transparent(node) if key in children(getattr(node, n)))
        return _with(node, name, _replace(getattr(node, name), key, new))
    if isinstance(node, functools.partial):
        return functools.partial(node.func, *node.args, **{**node.keywords, key: new})
    if isinstance(node, types.FunctionType):
        return functools.partial(node, **{key: new})
    if isinstance(node, Mapping):
        return type(node)({k: new if str(k) == key else value for k, value in node.items()})
    values = list(node)
    for position, value in enumerate(values):
        if is_pair(value) and value[0] == key:
            values[position] = (key, new)
            break
        if not is_pair(value) and key in (str(position), label(value)):
            values[position] = new
            break
    return tuple(values)


def _with(node: Any, name: str, value: Any) -> Any:
    """`dataclasses.replace`, also where a class has an `__init__` of its own."""
    if isinstance(node, nn.Module):
        return node.clone(**{name: value})
    if type(node).__dataclass_params__.init:
        return dataclasses.replace(node, **{name: value})
    changed = copy.copy(node)
    object.__setattr__(changed, name, value)
    return changed


# --- types --------------------------------------------------------------------------------------


def _checked(node: Any, key: str, value: Any, path: str) -> Any:
    old = children(node)[key]
    if dataclasses.is_dataclass(old) or isinstance(old, functools.partial) or callable(old):
        inner = ", ".join(children(old)) or "nothing that can be set"
        raise UserError(f"{path!r} is a whole {type(old).__name__}: set one of its parts ({inner})")
    hint = settings.hint(node, key)
    if hint is None or not typecheck.plain(hint):
        hint = typecheck.type_of(old)
    elif not typecheck.fits(old, hint):  # what an experiment does already cannot be forbidden
        hint = hint | typecheck.type_of(old)
    if value is None and not typecheck.fits(None, hint) and typecheck.fits("none", hint):
        value = "none"  # the name of a choice, e.g. method.norm=none
    if isinstance(value, list):
        value = tuple(value)
    if not typecheck.fits(value, hint):
        if isinstance(value, str) and settings.counts(hint) and _NOT_FINITE.search(value):
            wanted = "hold finite numbers" if "," in value else "be a finite number"
            raise UserError(
                f"{path} is {value}; it must {wanted} ({typecheck.show(hint)}, now {old!r})"
            )
        raise UserError(
            f"{path} takes {typecheck.show(hint)} (now {old!r}), got {value!r} of type "
            f"{type(value).__name__}"
        )
    return typecheck.converted(value, hint)


# --- writing an experiment down -----------------------------------------------------------------


def describe(node: Any) -> Any:
    """Converts a structure to plain JSON values: class names, fields and numbers.

    Only fields that were added later and hold their default are left out; see `_unset`.
    """
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if isinstance(node, functools.partial):
        return {"function": _qualified(node.func), **_described(node.keywords)} | (
            {"args": [describe(a) for a in node.args]} if node.args else {}
        )
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        values = {
            settings.recorded(node, name): getattr(node, name)
            for name in fields(node)
            if not _unset(node, name)
        }
        revision = getattr(
            type(node), "revision", 1
        )  # raised where equal settings give new numbers
        own = {"class": _qualified(type(node))} | ({"revision": revision} if revision > 1 else {})
        return {**own, **_described(values)}
    if isinstance(node, Mapping):
        return _described(node)
    if isinstance(node, tuple | list):
        return [describe(value) for value in node]
    if callable(node) and hasattr(node, "__qualname__"):
        return _qualified(node)
    if hasattr(node, "__array__"):  # a repr leaves most of a large array out
        values = np.asarray(node)
        digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
        return {"array": str(values.dtype), "shape": list(values.shape), "sha256": digest}
    if isinstance(node, set | frozenset):
        return sorted(map(repr, node))
    if type(node).__repr__ is object.__repr__:  # such a repr is an address, another in each process
        return {"class": _qualified(type(node)), **_described(getattr(node, "__dict__", {}))}
    return repr(node)


def _unset(node: Any, name: str) -> bool:
    """Whether a field that was added later (metadata "later") holds its default.

    Such a field is left out, so that runs recorded before it existed keep their fingerprints. If
    the default reproduces the old numbers of some nodes only, "later" is a function of the node.
    """
    field = node.__dataclass_fields__[name]
    later = field.metadata.get("later", False)
    if callable(later):
        later = later(node)
    return later and getattr(node, name) == field.default


def _described(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): describe(value) for key, value in values.items()}


def _qualified(thing: Any) -> str:
    return f"{recorded_name(public_name(thing.__module__))}.{thing.__qualname__}"


def fingerprint(node: Any) -> str:
    """Twelve hexadecimal digits that change with any value of the structure.

    1 and 1.0 count as the same value.
    """
    text = json.dumps(_whole(describe(node)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
