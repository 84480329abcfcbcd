"""Memory traffic and collectives of a compiled program, read from its HLO.

XLA's `cost_analysis` counts the body of a loop once. Here the text of the compiled program is
traversed with the trip count of each loop, which the compiler annotates (CPU, GPU) or which is
derived from the loop's condition (TPU).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator

_BYTES = {
    **{"pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2, "s32": 4, "u32": 4},
    **{"f32": 4, "s64": 8, "u64": 8, "f64": 8, "c64": 8, "c128": 16, "s4": 0.5, "u4": 0.5},
    **{"f8e4m3fn": 1, "f8e5m2": 1},
}
_SHAPE = re.compile(r"(\w+)\[([\d,]*)\](?:\{([^{}]*)\})?")
_HEAD = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_LINE = re.compile(r"^\s*(ROOT )?%?([\w.\-]+) = (.*)$")
_OPERATION = re.compile(r" ([\w\-]+)\(")
_TURNS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_CONSTANT = re.compile(r" constant\((-?\d+)\)")
_NAME = re.compile(r"%([\w.\-]+)")

COLLECTIVES = (
    *("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute"),
    "ragged-all-to-all",
)
_FREE = {
    *("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while", "conditional"),
    *("call", "after-all", "partition-id", "replica-id", "iota", "copy-done", "opt-barrier"),
}


@dataclasses.dataclass(frozen=True)
class Collective:
    """One kind of collective in a step.

    Attributes:
      kind: kind of collective, such as "all-reduce".
      group: number of participating devices.
      count: executions per step, including loop iterations.
      size: total bytes of the full arrays: the output of one device (all-gather) or its input
        (all others).
      sent: bytes that each device sends with a ring algorithm.
    """

    kind: str
    group: int
    count: int
    size: float
    sent: float


@dataclasses.dataclass(frozen=True)
class Moved:
    """Data movement of a step, per device.

    Attributes:
      memory: bytes read from and written to memory, including loop iterations; each operation
        reads its operands and writes its result once.
      collectives: the collectives, largest first.
      unknown: number of loops with unknown trip count, counted as one iteration.
    """

    memory: float
    collectives: tuple[Collective, ...]
    unknown: int

    @property
    def sent(self) -> float:
        """Bytes that each device sends per step."""
        return sum(collective.sent for collective in self.collectives)


@dataclasses.dataclass
class _Instruction:
    name: str
    shape: str
    operation: str
    operands: tuple[str, ...]
    text: str
    root: bool


def moved(text: str) -> Moved:
    """Analyses a compiled program.

    Args:
      text: optimised per-device HLO, `compiled.as_text()`.

    Returns:
      Its data movement.
    """
    computations, entry = _parse(text)
    memory = 0.0
    unknown = 0
    found: dict[tuple[str, int], list[float]] = {}
    for name, turns, fused in _walk(computations, entry):
        body = computations[name]
        shapes = {instruction.name: instruction.shape for instruction in body}
        for instruction in body:
            kind = instruction.operation.removesuffix("-start")
            if instruction.operation == "while":
                unknown += _turns(instruction, body, computations) is None
            if kind in COLLECTIVES and not instruction.operation.endswith("-done"):
                if name.startswith("all-reduce-scatter"):  # on TPU: an all-reduce, then a slice
                    kind = "reduce-scatter"
                size = sum(
                    _size(shapes.get(operand, ""), fast=True) for operand in instruction.operands
                )
                group = _group(instruction.text)
                whole, sent = _exchange(kind, size, group)
                if sent:
                    row = found.setdefault((kind, group), [0, 0.0, 0.0])
                    row[0] += turns
                    row[1] += whole * turns
                    row[2] += sent * turns
            if fused or kind in _FREE or instruction.operation.endswith("-done"):
                continue
            memory += turns * _traffic(instruction, shapes, computations)
    collectives = [Collective(*key, int(row[0]), row[1], row[2]) for key, row in found.items()]
    collectives.sort(key=lambda collective: -collective.sent)
    return Moved(memory, tuple(collectives), unknown)


def _parse(text: str) -> tuple[dict[str, list[_Instruction]], str]:
    computations: dict[str, list[_Instruction]] = {}
    entry, current = "", None
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head:
            current = computations.setdefault(head[1], [])
            entry = head[1] if line.startswith("ENTRY") else entry
            continue
        found = _LINE.match(line)
        if current is None or not found:
            continue
        # A shape, possibly a tuple, followed by the operation and its operands.
        text = found[3]
        end = _closing(text, 0) + 1 if text.startswith("(") else text.find(" ")
        operation = _OPERATION.match(text, end)
        if operation is None:
            continue
        inside = text[operation.end() : _closing(text, operation.end() - 1)]
        operands = tuple(_NAME.findall(inside))
        current.append(
            _Instruction(found[2], text[:end], operation[1], operands, text, bool(found[1]))
        )
    return computations, entry


def _closing(text: str, start: int) -> int:
    """Index of the bracket that closes the one at `start`."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return len(text)


def _walk(
    computations: dict[str, list[_Instruction]], entry: str
) -> Iterator[tuple[str, int, bool]]:
    """Yields (computation, number of executions, whether inside a fusion), callers first."""
    counts: Counter[tuple[str, bool]] = Counter()

    def visit(name: str, turns: int, fused: bool) -> None:
        counts[name, fused] += turns
        for instruction in computations[name]:
            inner = turns
            if instruction.operation == "while":
                own = _turns(instruction, computations[name], computations)
                inner *= 1 if own is None else own
            for called in _called(instruction):
                if called in computations:
                    visit(called, inner, fused or instruction.operation == "fusion")

    visit(entry, 1, False)
    for (name, fused), turns in counts.items():
        yield name, turns, fused


def _turns(
    loop: _Instruction, around: list[_Instruction], computations: dict[str, list[_Instruction]]
) -> int | None:
    """Trip count of a loop; without annotation, that of a counter incremented by one."""
    known = _TURNS.search(loop.text)
    if known:
        return int(known[1])
    condition = re.search(r"condition=%([\w.\-]+)", loop.text)
    body = {one.name: one for one in computations.get(condition[1] if condition else "", [])}
    root = next((one for one in body.values() if one.root), None)
    if root is None or root.operation != "compare" or "direction=LT" not in root.text:
        return None
    counter, end = (body.get(name) for name in root.operands)
    place = re.search(r"index=(\d+)", counter.text) if counter else None
    last = _CONSTANT.search(end.text) if end else None
    if place is None or last is None:
        return None
    outside = {one.name: one for one in around}
    start = outside.get(loop.operands[0])
    if start and start.operation == "tuple":
        start = outside.get(start.operands[int(place[1])])
    first = _CONSTANT.search(start.text) if start else None
    return int(last[1]) - (int(first[1]) if first else 0)


def _called(instruction: _Instruction) -> list[str]:
    if instruction.operation in ("reduce", "scatter", "sort", "map", "reduce-window", "all-reduce"):
        return []  # their computations are scalar
    names = []
    for found in re.finditer(r"(?:calls|to_apply|body|condition)=%([\w.\-]+)", instruction.text):
        names.append(found[1])
    for found in re.finditer(r"branch_computations=\{([^}]*)\}", instruction.text):
        names += _NAME.findall(found[1])[:1]  # one branch runs; the first one is counted
    if instruction.operation == "conditional":
        two = re.search(r"true_computation=%([\w.\-]+)", instruction.text)
        names += [two[1]] if two else []
    return names


def _size(shape: str, *, fast: bool = False) -> float:
    """Bytes of a shape or tuple of shapes; fast memory ("S(1)") counts only if `fast`."""
    total = 0.0
    for dtype, sides, layout in _SHAPE.findall(shape):
        if dtype in _BYTES and (fast or "S(1)" not in layout):
            total += _BYTES[dtype] * math.prod(int(side) for side in sides.split(",") if side)
    return total


def _traffic(
    instruction: _Instruction,
    shapes: dict[str, str],
    computations: dict[str, list[_Instruction]],
) -> float:
    """Bytes an instruction reads and writes; of sliced operands only the slices count."""
    if instruction.operation in ("dynamic-slice", "slice", "gather"):
        return 2 * _size(instruction.shape)
    if instruction.operation in ("copy-start", "slice-start"):
        # (destination, source, ...) and ((sliced operand), slice, ...): TPU copies between main
        # and fast memory, in either direction.
        return min(
            _size(f"{dtype}[{sides}]") for dtype, sides, _ in _SHAPE.findall(instruction.shape)[:2]
        )
    if instruction.operation == "dynamic-update-slice":
        return 2 * _size(shapes.get(instruction.operands[1], ""))
    called = _called(instruction)
    if instruction.operation == "fusion" and called and called[0] in computations:
        body = computations[called[0]]
        read = sum(_read(one.name, body, computations) for one in body if _number(one) is not None)
        return read + _written(next(one.name for one in body if one.root), body, computations)
    return sum(_size(shapes.get(o, "")) for o in instruction.operands) + _size(instruction.shape)


def _number(instruction: _Instruction) -> int | None:
    """Index of a parameter instruction in its computation."""
    found = re.search(r" parameter\((\d+)\)", instruction.text)
    return int(found[1]) if found else None


def _read(
    name: str, body: list[_Instruction], computations: dict[str, list[_Instruction]]
) -> float:
    """Bytes of a value that a fusion reads: all of it, or only the slices that its users take."""
    shape = next(one.shape for one in body if one.name == name)
    total = 0.0
    for user in body:
        for place in (i for i, operand in enumerate(user.operands) if operand == name):
            if user.operation in ("dynamic-slice", "slice", "gather") and place == 0:
                total += _size(user.shape)
            elif user.operation == "bitcast":
                total += _read(user.name, body, computations)
            elif user.operation == "fusion" and _called(user)[0] in computations:
                inner = computations[_called(user)[0]]
                inside = next(one.name for one in inner if _number(one) == place)
                total += _read(inside, inner, computations)
            elif user.operation != "dynamic-update-slice" or place:
                return _size(shape)
    return min(total, _size(shape))


def _written(
    name: str, body: list[_Instruction], computations: dict[str, list[_Instruction]]
) -> float:
    """Bytes of its result that a fusion writes; stacked loop outputs are updated in place."""
    one = next(one for one in body if one.name == name)
    if one.operation == "tuple":
        return sum(_written(operand, body, computations) for operand in one.operands)
    size = _size(one.shape)  # zero if the result is written to fast memory
    if one.operation == "bitcast":
        return min(size, _written(one.operands[0], body, computations))
    if one.operation == "dynamic-update-slice":
        update = next(other.shape for other in body if other.name == one.operands[1])
        return min(size, _size(update))
    if one.operation == "fusion" and _called(one)[0] in computations:
        inner = computations[_called(one)[0]]
        root = next(other.name for other in inner if other.root)
        return min(size, _written(root, inner, computations))
    return size


def _group(text: str) -> int:
    """Number of participating devices, from any notation of replica groups."""
    listed = re.search(r"replica_groups=\{\{([\d,]*)\}", text)
    if listed:
        return len(listed[1].split(","))
    grid = re.search(r"replica_groups=\[(\d+),(\d+)\]", text)
    if grid:
        return int(grid[2])
    mesh = re.search(r"replica_groups=mesh\[([^\]]*)\][^{]*\{([^}]*)\}", text)
    if mesh:
        sides = {name: int(size) for name, size in re.findall(r"'(\w+)'=(\d+)", mesh[1])}
        # An axis, or part of one: 'axis':(offset)size.
        used = re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", mesh[2])
        return math.prod(int(part) if part else sides[name] for name, part in used)
    return 2 if "source_target_pairs" in text else 1


def _exchange(kind: str, size: float, group: int) -> tuple[float, float]:
    """(bytes of the full array, bytes a device sends with a ring algorithm) for operand `size`."""
    if group < 2:
        return size, 0.0
    share = (group - 1) / group
    if kind == "all-gather":
        return size * group, size * (group - 1)
    if kind == "all-reduce":
        return size, 2 * size * share
    if kind == "collective-permute":
        return size, size
    return size, size * share
