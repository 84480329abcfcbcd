"""Imports between the modules of jssl: no circle, and no private name of another module."""

import ast
import importlib
import re
from pathlib import Path

import jssl
from jssl.core.moved import MOVED, recorded_name

ROOT = Path(jssl.__file__).resolve().parent
MODULES = {
    ".".join(("jssl", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in ROOT.rglob("*.py")
    if "experiments" not in path.relative_to(ROOT).parts
}


def imported(path: Path) -> list[tuple[str, str, int]]:
    """(module, name, line) of each import from jssl, inside functions too, but not for types."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "jssl":
            found += [(node.module, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "jssl"]
            found += [(name, "", node.lineno) for name in names]
    return found


def edges() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        targets = set()
        for source, name, _ in imported(path):
            whole = f"{source}.{name}"
            targets.add(whole if whole in MODULES else source)
        found[module] = {target for target in targets if target in MODULES and target != module}
    return found


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan, 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def test_the_search_finds_a_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, so that none hides a circle."""
    found = circles(edges())
    assert not found, "\n".join(" -> ".join(part) for part in found)


def test_no_private_name_crosses_a_module() -> None:
    bad = [
        f"{path.relative_to(ROOT)}:{line} imports {name} of {source}"
        for path in MODULES.values()
        for source, name, line in imported(path)
        if name.startswith("_") and not name.startswith("__")
    ]
    assert not bad, "\n".join(bad)


# From the ground up: a room imports from the rooms below it only.
FLOORS = """
    errors core nn data objectives encoders augmentations health methods logging training config
    own plan weights runs evaluation reporting interop studies api testing commands cli __main__
"""
ROOMS = FLOORS.split()


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else "jssl"


def test_the_documentation_lists_the_rooms_in_their_order() -> None:
    text = (ROOT.parent / "docs" / "architecture.md").read_text()
    table = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = re.findall(r"`(\w+)(?:/|\.py)`", " ".join(table))
    assert named == [room for room in ROOMS if room != "__main__"]


def test_rooms_import_only_from_the_rooms_below() -> None:
    rooms = {_room(module) for module in MODULES} - {"jssl"}
    assert rooms == set(ROOMS), f"not in the order of rooms: {rooms ^ set(ROOMS)}"
    bad = [
        f"{module} imports {target}"
        for module, targets in edges().items()
        for target in targets
        if "jssl" not in (_room(module), _room(target))
        and ROOMS.index(_room(target)) > ROOMS.index(_room(module))
    ]
    assert not bad, "\n".join(bad)


def test_former_names_give_the_modules_that_moved() -> None:
    for former, module in MOVED.items():
        assert importlib.import_module(former) is importlib.import_module(module)
        assert importlib.import_module(module).__spec__.name == module
        assert recorded_name(module) == former
