"""`a.b=c`: changing one value of an experiment from the command line, and writing it all down."""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import hashlib
import inspect
import json
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import numpy as np

from jssl import annotations
from jssl.errors import UserError, nearest


def override(root: Any, *assignments: str) -> Any:
    """Changes values of a nested frozen structure.

    Args:
      root: a dataclass, possibly nested; tuples, mappings, pipelines and `functools.partial` are
        walked as well (`views.a.random_resized_crop.scale=(0.2,1.0)`).
      *assignments: "path=value", the value in Python notation; a bare word is a string.

    Returns:
      A changed copy.

    Raises:
      UserError: for a path that does not exist (naming the nearest that does), or a value of
        another type than the one it replaces.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise UserError(f"--set takes key=value, got {assignment!r}")
        keys = path.strip().split(".")
        root = _set(root, keys, _parse(text.strip()), path.strip())
    if hasattr(root, "check"):
        root.check()
    return root


def _parse(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def children(node: Any) -> dict[str, Any]:
    """The named parts of a node that an assignment can walk into."""
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        parts = {name: getattr(node, name) for name in _fields(node)}
        for name in _transparent(node):
            for key, part in children(getattr(node, name)).items():
                if not key.isdigit():
                    parts.setdefault(key, part)
        return parts
    if isinstance(node, functools.partial):
        return _defaults(node.func) | dict(node.keywords)
    if isinstance(node, types.FunctionType):
        return _defaults(node)
    if isinstance(node, Mapping):
        return {str(key): value for key, value in node.items()}
    if isinstance(node, tuple):
        named = {}
        for position, value in enumerate(node):
            if _is_pair(value):
                named.setdefault(value[0], value[1])
            else:
                named[str(position)] = value
                label = _label(value)
                if label:
                    named.setdefault(label, value)
        return named
    return {}


def _fields(node: Any) -> list[str]:
    # "name" and "parent" are bookkeeping of a Linen module; the name of an experiment is the way
    # to its file. Neither is a value of the run.
    hidden = {"parent", "name"} if isinstance(node, nn.Module) else set()
    return [
        f.name
        for f in dataclasses.fields(node)
        if f.init and f.name not in hidden and f.metadata.get("override", True)
    ]


def _transparent(node: Any) -> list[str]:
    """Fields whose parts are reached without naming the field.

    A dataclass that wraps a mapping, a sequence of steps or, if it is itself an operation, another
    operation: `views.a.colour_jitter.brightness` instead of `views.entries.a.ops.1.op.brightness`.
    """
    wraps = (tuple, Mapping)
    if callable(node) and not isinstance(node, nn.Module):
        wraps = (*wraps, functools.partial, types.FunctionType)
        wraps = (*wraps, *(type(v) for v in vars(node).values() if callable(v)))
    return [name for name in _fields(node) if isinstance(getattr(node, name), wraps)]


def _defaults(function: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _label(value: Any) -> str | None:
    if dataclasses.is_dataclass(value) and callable(value):  # `sometimes(op, p)` goes by its op
        inner = [getattr(value, name) for name in _transparent(value)]
        return _label(inner[0]) if len(inner) == 1 and callable(inner[0]) else None
    function = value.func if isinstance(value, functools.partial) else value
    return getattr(function, "__name__", None)


def _set(node: Any, keys: Sequence[str], value: Any, path: str) -> Any:
    key, rest = keys[0], keys[1:]
    known = children(node)
    if key not in known:
        raise UserError(f"unknown key {key!r} in {path!r}: {nearest(key, known)}")
    new = _set(known[key], rest, value, path) if rest else _checked(node, key, value, path)
    return _replace(node, key, new)


def _replace(node: Any, key: str, new: Any) -> Any:
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        if key in _fields(node):
            return _with(node, key, new)
        name = next(n for n in _transparent(node) if key in children(getattr(node, n)))
        return _with(node, name, _replace(getattr(node, name), key, new))
    if isinstance(node, functools.partial):
        return functools.partial(node.func, *node.args, **{**node.keywords, key: new})
    if isinstance(node, types.FunctionType):
        return functools.partial(node, **{key: new})
    if isinstance(node, Mapping):
        return type(node)({k: new if str(k) == key else value for k, value in node.items()})
    values = list(node)
    for position, value in enumerate(values):
        if _is_pair(value) and value[0] == key:
            values[position] = (key, new)
            break
        if not _is_pair(value) and key in (str(position), _label(value)):
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
    hint = _hint(node, key)
    if hint is None or not annotations.plain(hint):
        hint = annotations.type_of(old)
    elif not annotations.fits(old, hint):  # what an experiment does already cannot be forbidden
        hint = hint | annotations.type_of(old)
    if value is None and not annotations.fits(None, hint) and annotations.fits("none", hint):
        value = "none"  # the name of a choice, e.g. method.norm=none
    if isinstance(value, list):
        value = tuple(value)
    if not annotations.fits(value, hint):
        raise UserError(
            f"{path} takes {annotations.show(hint)} (now {old!r}), got {value!r} of type "
            f"{type(value).__name__}"
        )
    return annotations.converted(value, hint)


def _hint(node: Any, key: str) -> Any:
    """The annotation of a field or of a function's argument; None where there is none."""
    if isinstance(node, functools.partial):
        node = node.func
    if isinstance(node, types.FunctionType):
        owners = [node]
    elif dataclasses.is_dataclass(node):
        if key not in _fields(node):
            name = next(n for n in _transparent(node) if key in children(getattr(node, n)))
            return _hint(getattr(node, name), key)
        owners = list(type(node).__mro__)
    else:
        return None
    for owner in owners:
        hint = getattr(owner, "__annotations__", {}).get(key)
        if isinstance(hint, str):
            try:
                return eval(hint, vars(sys.modules[owner.__module__]))
            except (NameError, TypeError, SyntaxError, KeyError, AttributeError):
                return None
        if hint is not None:
            return hint
    return None


# --- writing an experiment down -----------------------------------------------------------------


def describe(node: Any) -> Any:
    """A structure as plain JSON values: class names, fields and numbers, nothing left out."""
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if isinstance(node, functools.partial):
        return {"function": _qualified(node.func), **_described(node.keywords)} | (
            {"args": [describe(a) for a in node.args]} if node.args else {}
        )
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        values = {name: getattr(node, name) for name in _fields(node)}
        return {"class": _qualified(type(node)), **_described(values)}
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


def _described(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): describe(value) for key, value in values.items()}


def _qualified(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


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
