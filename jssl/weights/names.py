"""The engine that carries arrays from the names of a published layout to those of jssl and back.

A layout is data: a list of rules, each with the names on both sides and the name of an operation on
the arrays. In a name `{i}` stands for a number that both sides share, `{i-1}` for it less one, and
`a|b` for either of two spellings, of which the first is written. Every key must be used by a rule
or be one that the layout drops; every parameter of the encoder must be given by a rule.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jssl.errors import UserError
from jssl.weights.operations import OPERATIONS

Arrays = dict[str, np.ndarray]

_HOLE = re.compile(r"\{(\w)([+-]\d+)?\}")


@dataclasses.dataclass(frozen=True)
class Rule:
    """One line of a layout.

    Attributes:
      source: names in the file. Those that end in "?" may be missing, the first may not.
      target: paths of parameters, "params/" left out, or "batch_stats/..." in full.
      how: name of the operation (`jssl.weights.operations`), which sees the numbers of the names
        as texts.
      when: a fact that must hold for the rule to apply, or not hold after "!"; "" for always.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    how: str = "same"
    when: str = ""

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether the rule applies."""
        if self.when.startswith("!"):
            return not facts.get(self.when[1:])
        return not self.when or bool(facts.get(self.when))


def rule(source: str, target: str, how: str = "same", when: str = "") -> Rule:
    """A rule from names separated by blanks."""
    return Rule(tuple(source.split()), tuple(target.split()), how, when)


def _ends(source: str, *ends: str) -> str:
    return "|".join(f"{name}.{end}" for end in ends for name in source.split("|"))


def affine(source: str, target: str, how: str = "dense") -> tuple[Rule, ...]:
    """The rules of a linear layer: `source.weight` and, where there is one, `source.bias`."""
    return (
        rule(_ends(source, "weight"), f"{target}/kernel", how),
        rule(_ends(source, "bias"), f"{target}/bias"),
    )


def layer_norm(source: str, target: str) -> tuple[Rule, ...]:
    """The rules of a layer normalisation, `gamma` and `beta` being the names of old files."""
    return (
        rule(_ends(source, "weight", "gamma"), f"{target}/scale"),
        rule(_ends(source, "bias", "beta"), f"{target}/bias"),
    )


def batch_norm(source: str, target: str) -> tuple[Rule, ...]:
    """The rules of a batch normalisation with its running statistics."""
    return (
        rule(_ends(source, "weight"), f"{target}/scale"),
        rule(_ends(source, "bias"), f"{target}/bias"),
        rule(_ends(source, "running_mean"), f"batch_stats/{target}/mean"),
        rule(_ends(source, "running_var"), f"batch_stats/{target}/var"),
    )


@dataclasses.dataclass(frozen=True)
class Carried:
    """The result of `carry`.

    Attributes:
      arrays: by the path of the parameter.
      used: keys that gave them.
      dropped: keys that the layout leaves out.
    """

    arrays: Arrays
    used: tuple[str, ...]
    dropped: tuple[str, ...]


def carry(
    keys: Iterable[str],
    read: Callable[[str], np.ndarray],
    rules: Sequence[Rule],
    drop: Sequence[str],
    facts: Mapping[str, Any],
    where: str,
) -> Carried:
    """Carries the arrays of a file to the encoder's names.

    Args:
      keys: names in the file, prefixes removed.
      read: the array of a key.
      rules: of the layout.
      drop: regular expressions of the keys that are left out; a whole key must match.
      facts: numbers of the encoder that operations look at, such as "patch" and "rows".
      where: the file, for messages.

    Returns:
      The arrays, and which keys were used.

    Raises:
      UserError: a key is used by no rule, or a rule lacks one of its keys; the nearest names are
        listed.
    """
    known = set(keys)
    arrays: Arrays = {}
    used: set[str] = set()
    rules = [entry for entry in rules if entry.holds(facts)]
    for entry in rules:
        for holes, names in _matches(entry, known):
            missing = [
                source
                for source, name in zip(entry.source, names, strict=True)
                if name is None and not source.endswith("?")
            ]
            if missing:
                wanted = _filled(missing[0].rstrip("?").split("|")[0], holes)
                raise UserError(f"{where} has no {wanted}{closest(wanted, known)}")
            parts = [None if name is None else read(name) for name in names]
            targets = [_filled(target, holes) for target in entry.target]
            made = _apply(OPERATIONS[entry.how].load, parts, {**facts, **holes}, names, where)
            for target, value in zip(targets, made, strict=True):
                if target in arrays:
                    raise UserError(f"{where} gives {target} twice, the second time as {names[0]}")
                arrays[target] = value
            used |= {name for name in names if name is not None}
    left = known - used
    dropped = {key for key in left if any(re.fullmatch(pattern, key) for pattern in drop)}
    if left - dropped:
        key = min(left - dropped)
        spelled = [s.rstrip("?") for r in rules for s in r.source for s in s.split("|")]
        expected = [_filled(name, dict.fromkeys("hijk", "0")) for name in spelled]
        raise UserError(
            f"{where} has {len(left - dropped)} keys that this layout does not know, such as "
            f"{key}{closest(key, expected)}"
        )
    return Carried(arrays, tuple(sorted(used)), tuple(sorted(dropped)))


def carry_back(
    arrays: Arrays, rules: Sequence[Rule], facts: Mapping[str, Any], written: Iterable[str] = ()
) -> Arrays:
    """Carries parameters to the published names; the inverse of `carry`.

    Args:
      arrays: by the path of the parameter.
      rules: of the layout.
      facts: numbers of the encoder that operations look at.
      written: the names that are wanted, as `Carried.used` has them; () for the first spelling of
        the first rule that fits.

    Returns:
      Arrays by published name.

    Raises:
      UserError: a parameter belongs to no rule.
    """
    known, made, used = set(arrays), {}, set()
    wanted = set(written)
    for entry in (entry for entry in rules if entry.holds(facts)):
        turned = Rule(entry.target, entry.source)
        for holes, names in _matches(turned, known):
            if None in names or used & set(names):
                continue
            spelled = [
                [_filled(spelling, holes) for spelling in source.rstrip("?").split("|")]
                for source in entry.source
            ]
            sources = [next((n for n in one if n in wanted or not wanted), None) for one in spelled]
            if sources[0] is None:
                continue
            given, parts = {**facts, **holes}, [arrays[name] for name in names]
            found = _apply(OPERATIONS[entry.how].save, parts, given, names, "the encoder")
            pairs = zip(sources, found, strict=True)
            made |= {n: np.ascontiguousarray(part) for n, part in pairs if n is not None}
            used |= set(names)
    if known - used:
        name = min(known - used)
        raise UserError(f"the layout has no name for {name}{closest(name, used)}")
    return made


def _apply(
    function: Callable[..., Sequence[np.ndarray]],
    parts: list[Any],
    facts: Mapping[str, Any],
    names: Sequence[str | None],
    where: str,
) -> Sequence[np.ndarray]:
    try:
        return function(parts, facts)
    except (ValueError, IndexError, TypeError) as error:
        shapes = [list(np.shape(part)) for part in parts if part is not None]
        raise UserError(
            f"{where}: {' and '.join(n for n in names if n)} of shape "
            f"{' and '.join(map(str, shapes))} do not have the form of this layout ({error})"
        ) from None


def _matches(entry: Rule, known: set[str]) -> list[tuple[dict[str, str], list[str | None]]]:
    """Every group of keys that a rule applies to, with the values of the holes.

    The group of a rule is recognised by any of its required keys, so that a lost one is noticed.
    """
    found: dict[tuple[tuple[str, str], ...], list[str | None]] = {}
    for position, source in enumerate(entry.source):
        for spelling in source.rstrip("?").split("|"):
            for key, holes in _found(_compiled(spelling), spelling, known):
                group = found.setdefault(holes, [None] * len(entry.source))
                group[position] = group[position] or key
    required = [i for i, source in enumerate(entry.source) if not source.endswith("?")]
    return [
        (dict(holes), names)
        for holes, names in sorted(found.items())
        if any(names[i] is not None for i in required)
    ]


def _found(
    pattern: re.Pattern[str], spelling: str, known: set[str]
) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    if "{" not in spelling:
        return [(spelling, ())] if spelling in known else []
    pairs = _pairs(spelling)
    found = []
    for key in known:
        match = pattern.fullmatch(key)
        if match is None:
            continue
        values = {hole: set() for hole, _ in pairs}
        for (hole, by), text in zip(pairs, match.groups(), strict=True):
            values[hole].add(str(int(text) - int(by or 0)))
        if all(len(one) == 1 for one in values.values()):
            found.append((key, tuple((hole, one.pop()) for hole, one in values.items())))
    return found


def _pairs(spelling: str) -> list[tuple[str, str]]:
    """The distinct holes with what is added to them, such as ("s", "+1")."""
    return list(dict.fromkeys(_HOLE.findall(spelling)))


@functools.cache
def _compiled(spelling: str) -> re.Pattern[str]:
    pieces, at, pairs = [], 0, _pairs(spelling)
    seen: set[int] = set()
    for hole in _HOLE.finditer(spelling):
        pieces.append(re.escape(spelling[at : hole.start()]))
        number = pairs.index((hole.group(1), hole.group(2) or "")) + 1
        pieces.append(rf"(?:\{number})" if number in seen else r"(\d+)")
        seen.add(number)
        at = hole.end()
    return re.compile("".join([*pieces, re.escape(spelling[at:])]))


def _filled(name: str, holes: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda m: str(int(holes.get(m.group(1), 0)) + int(m.group(2) or 0)), name)


def closest(name: str, options: Iterable[str]) -> str:
    """The end of a sentence that lists the names nearest to one; "" if none is near."""
    close = difflib.get_close_matches(name, sorted(options), n=3, cutoff=0.4)
    return f"; the nearest names are {', '.join(close)}" if close else ""
