"""The settings of an experiment: every value inside it, with its path, annotation and range."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jssl.core import ranges, typecheck
from jssl.core.ranges import Range, Ranged
from jssl.errors import UserError


@dataclasses.dataclass(frozen=True)
class Setting:
    """One value of an experiment.

    Attributes:
      path: as `--set` takes it, e.g. "views.a.random_resized_crop.scale".
      value: what it is now.
      hint: its annotation; None where there is none.
      owner: what it is a value of: a dataclass, a Linen module, an operation or a tuple.
    """

    path: str
    value: Any
    hint: Any
    owner: Any = None

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges declared for it; () if it is not a number or none is declared."""
        return ranges.ranges(self.hint)

    @property
    def numeric(self) -> bool:
        """Whether it is a number or a tuple of numbers, or may be set to one."""
        return _numeric(self.value) or any(map(counts, typecheck.options(self.hint)))


def settings(node: Any, path: str = "") -> Iterator[Setting]:
    """Every value that `--set` can change, in field order."""
    for found in _nodes(node, path):
        for key, value in found.parts:
            if not _inner(value):
                yield Setting(_join(found.path, key), value, hint(found.node, key), found.node)


def check(node: Any, path: str = "") -> None:
    """Checks every number inside an experiment, a protocol, a pipeline or an operation.

    Args:
      node: a dataclass, Linen module, tuple, mapping or operation.
      path: its path, for messages.

    Raises:
      UserError: with a path, the value there and its range.
    """
    for found in _nodes(node, path):
        for key, value in found.parts:
            if not _inner(value):
                wanted = ranges.problem(value, hint(found.node, key))
                ranges.refuse(_join(found.path, key), value, wanted)
        if isinstance(found.node, Ranged):
            sentence = ranges.conflict(found.node)
            if sentence is not None:
                raise UserError(f"{found.path or type(found.node).__name__}: {sentence}")


@dataclasses.dataclass(frozen=True)
class _Node:
    path: str
    node: Any
    parts: list[tuple[str, Any]]


def _nodes(node: Any, path: str) -> Iterator[_Node]:
    parts, passed = _named(node), _passed(node)
    yield _Node(path, node, parts)
    for key, value in parts:
        if _inner(value):
            shown = "" if key in passed else key
            yield from _nodes(value, _join(path, shown))


def _passed(node: Any) -> set[str]:
    """Fields that paths omit, since all their parts can be reached by their own names."""
    if not dataclasses.is_dataclass(node):
        return set()
    known = children(node)
    return {
        name
        for name in transparent(node)
        if all(
            not key.isdigit() and key in known and known[key] is part
            for key, part in _named(getattr(node, name))
        )
    }


def _named(node: Any) -> list[tuple[str, Any]]:
    """The parts of a node, each once, by name."""
    known = children(node)
    if dataclasses.is_dataclass(node):
        return [(name, getattr(node, name)) for name in fields(node)]
    if not isinstance(node, tuple):
        return list(known.items())
    found: dict[int, str] = {}
    for position, value in enumerate(node):
        if is_pair(value):
            found[position] = value[0]
        else:
            name = label(value)
            found[position] = name if name and known.get(name) is value else str(position)
    return [(name, known[name]) for name in dict.fromkeys(found.values())]


def _inner(value: Any) -> bool:
    """Whether a value has settings of its own."""
    if isinstance(value, tuple):
        return any(_inner(part) for part in value)
    if isinstance(value, type):
        return False
    if isinstance(value, functools.partial | types.FunctionType | Mapping):
        return True
    return dataclasses.is_dataclass(value)


def _numeric(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and any(map(_numeric, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def counts(hint: Any) -> bool:
    """Whether an annotation allows a number, or a tuple that contains one."""
    hint = typecheck.bare(hint)
    parts = typecheck.options(hint)
    if len(parts) > 1 or parts[0] is not hint:
        return any(map(counts, parts))
    return hint in (int, float) or (
        typing.get_origin(hint) in (tuple, Sequence) and any(map(counts, typing.get_args(hint)))
    )


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


# --- what there is inside a node ----------------------------------------------------------------


def children(node: Any) -> dict[str, Any]:
    """The named parts of a node that an assignment can walk into."""
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        parts = {name: getattr(node, name) for name in fields(node)}
        for name in transparent(node):
            for key, part in children(getattr(node, name)).items():
                if not key.isdigit():
                    parts.setdefault(key, part)
        return parts
    if isinstance(node, functools.partial):
        return defaults(node.func) | dict(node.keywords)
    if isinstance(node, types.FunctionType):
        return defaults(node)
    if isinstance(node, Mapping):
        return {str(key): value for key, value in node.items()}
    if isinstance(node, tuple):
        named = {}
        for position, value in enumerate(node):
            if is_pair(value):
                named.setdefault(value[0], value[1])
            else:
                named[str(position)] = value
                name = label(value)
                if name:
                    named.setdefault(name, value)
        return named
    return {}


def fields(node: Any) -> list[str]:
    # "name" and "parent" are bookkeeping of a Linen module; the name of an experiment is the way
    # to its file. Neither is a value of the run.
    excluded = {"parent", "name"} if is_module(node) else set()
    return [
        f.name
        for f in dataclasses.fields(node)
        if f.init and f.name not in excluded and f.metadata.get("override", True)
    ]


def recorded(node: Any, name: str) -> str:
    """The name under which run records know a field: its former one, if it was renamed.

    Such a field names it in its metadata, so that fingerprints and ids stay what they were:
    `limit: Count = dataclasses.field(default=1000, metadata={"former": "most"})`.
    """
    return node.__dataclass_fields__[name].metadata.get("former", name)


def present(node: Any, key: str) -> str:
    """The name of the part that a key or its former name stands for; the key if there is none."""
    if not dataclasses.is_dataclass(node):
        return key
    return next((name for name in fields(node) if recorded(node, name) == key), key)


def is_module(node: Any) -> bool:
    """Whether a dataclass is a Linen module, which this room does not import.

    Linen gives each of its modules the fields `parent` and `name`, and a method `clone`.
    """
    return {"parent", "name"} <= type(node).__dataclass_fields__.keys() and hasattr(node, "clone")


def transparent(node: Any) -> list[str]:
    """Fields whose parts are reached without naming the field.

    A dataclass that wraps a mapping, a sequence of steps or, if it is itself an operation, another
    operation: `views.a.colour_jitter.brightness` instead of `views.entries.a.ops.1.op.brightness`.
    """
    wraps = (tuple, Mapping)
    if callable(node) and not is_module(node):
        wraps = (*wraps, functools.partial, types.FunctionType)
        wraps = (*wraps, *(type(v) for v in vars(node).values() if callable(v)))
    return [name for name in fields(node) if isinstance(getattr(node, name), wraps)]


@functools.cache
def defaults(function: Any) -> dict[str, Any]:
    """The arguments of a function that have defaults."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def label(value: Any) -> str | None:
    if dataclasses.is_dataclass(value) and callable(value):  # `sometimes(op, p)` goes by its op
        inner = [getattr(value, name) for name in transparent(value)]
        return label(inner[0]) if len(inner) == 1 and callable(inner[0]) else None
    function = value.func if isinstance(value, functools.partial) else value
    return getattr(function, "__name__", None)


def hint(node: Any, key: str) -> Any:
    """The annotation of a field or of a function's argument; None where there is none."""
    if isinstance(node, functools.partial):
        node = node.func
    if isinstance(node, types.FunctionType):
        return typecheck.hints(node).get(key)
    if not dataclasses.is_dataclass(node):
        return None
    if key not in fields(node):
        name = next(n for n in transparent(node) if key in children(getattr(node, n)))
        return hint(getattr(node, name), key)
    return typecheck.hints(type(node)).get(key)
