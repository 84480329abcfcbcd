"""Names and titles of all experiments and methods, read from their files without importing them.

An experiment is a module of `jssl.experiments` with a function `get_experiment()`, named by its
path, or, in a module of several small ones, each public function that is annotated to return an
`Experiment`, named by the folder and the function. Nothing here imports JAX.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
# In a wheel the experiments lie inside the package, in a checkout beside it.
EXPERIMENTS = next(
    (folder for folder in (PACKAGE / "experiments", PACKAGE.parent / "experiments")
     if folder.is_dir()),
    PACKAGE / "experiments",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Entry:
    """An experiment that ships with the project.

    Attributes:
      name: e.g. "image/simclr_cifar10".
      module: where it is defined, e.g. "jssl.experiments.image.simclr_cifar10".
      function: that returns it.
      about: first line of its docstring.
    """

    name: str
    module: str
    function: str
    about: str


@dataclasses.dataclass(frozen=True)
class MethodEntry:
    """A method that ships with the project.

    Attributes:
      name: "family/file", e.g. "contrastive/simclr".
      kind: name of the class.
      paper: exact title.
      partial: the component of the paper that is not implemented; "" for none.
      about: first line of its module's docstring.
    """

    name: str
    kind: str
    paper: str
    partial: str
    about: str


@functools.cache
def experiments() -> dict[str, Entry]:
    """All experiments by name, sorted."""
    found = {}
    for path in sorted(EXPERIMENTS.glob("*/*.py")):
        group = path.parent.name
        if path.stem.startswith("_") or group == "tables":
            continue
        tree = _parsed(path)
        module = f"jssl.experiments.{group}.{path.stem}"
        for node in _experiment_functions(tree):
            single = node.name == "get_experiment"
            name = f"{group}/{path.stem if single else node.name}"
            about = ast.get_docstring(tree if single else node) or ""
            found[name] = Entry(name, module, node.name, about.split("\n", 1)[0])
    return dict(sorted(found.items()))


@functools.cache
def methods() -> dict[str, MethodEntry]:
    """All methods by "family/file", sorted."""
    found = {}
    for path in sorted((PACKAGE / "methods").glob("*/*.py")):
        if path.stem.startswith("_"):
            continue
        tree = _parsed(path)
        for node in tree.body:
            values = _strings(node) if isinstance(node, ast.ClassDef) else {}
            if values.get("paper"):
                name = f"{path.parent.name}/{path.stem}"
                about = (ast.get_docstring(tree) or "").split("\n", 1)[0]
                partial = values.get("partial", "")
                found[name] = MethodEntry(name, node.name, values["paper"], partial, about)
    return found


def text(pattern: str = "") -> str:
    """Experiments and methods as text for a terminal.

    Args:
      pattern: only entries whose name or description contains it, ignoring case.
    """

    def wanted(*words: str) -> bool:
        return any(pattern.lower() in word.lower() for word in words)

    runs = [e for e in experiments().values() if wanted(e.name, e.about)]
    kinds = [m for m in methods().values() if wanted(m.name, m.paper, m.about)]
    if not runs and not kinds:
        return f"no experiment or method matches {pattern!r}"
    lines = []
    if runs:
        width = max(len(entry.name) for entry in runs)
        lines += ["experiments (jssl train NAME)"]
        lines += [f"  {entry.name:<{width}}  {entry.about}" for entry in runs]
    if kinds:
        width = max(len(entry.name) for entry in kinds)
        lines += ([""] if lines else []) + ["methods (jssl/methods/NAME.py)"]
        lines += [
            f"  {entry.name:<{width}}  {entry.paper}{' (in part)' if entry.partial else ''}"
            for entry in kinds
        ]
    return "\n".join(lines)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _experiment_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    single = [node for node in functions if node.name == "get_experiment"]
    if single:
        yield from single
        return
    for node in functions:
        returns = node.returns
        if not node.name.startswith("_") and isinstance(returns, ast.Name | ast.Constant):
            kind = returns.id if isinstance(returns, ast.Name) else returns.value
            if kind == "Experiment" and not node.args.args and not node.args.kwonlyargs:
                yield node


def _strings(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = statement.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[statement.target.id] = value.value
    return found
