"""Loads Python files of a user under unique names, together with the modules beside them.

A file never enters `sys.modules` under its own name, so that `random.py` or `json.py` does not
shadow a standard module. Its imports are looked up in its own folder first; names of the standard
library and of jssl's dependencies always refer to those.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import itertools
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from jssl.errors import UserError

_PREFIX = "_jssl_file_"
_PACKAGES = ("jssl", "jax", "jaxlib", "flax", "optax", "orbax", "grain", "numpy")
_RESERVED = sys.stdlib_module_names | {*_PACKAGES, "scipy", "sklearn", "PIL", "tensorboardX"}
_LONGEST = 500  # characters of an error's own message that are shown

_folders: dict[str, Path] = {}  # package of a loaded file -> the folder it lies in
_names: dict[str, str] = {}  # module of a loaded file -> the name that its author gave it
_files: set[str] = set()  # every file of a user that has been executed
_count = itertools.count(1)


def is_file(name: str) -> bool:
    """Whether the name of an experiment is the path of a Python file."""
    return name.endswith(".py")


def load(path: Path) -> ModuleType:
    """Executes a Python file as a module of its own.

    Args:
      path: the file.

    Returns:
      The module. Each call executes the file and the modules beside it anew.

    Raises:
      UserError: there is no such file, or an error inside it, with the line.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    package = f"{_PREFIX}{next(_count)}"
    _folders[package] = path.resolve().parent
    parent = ModuleType(package)
    parent.__path__ = []  # its modules are found by `_Finder`
    sys.modules[package] = parent
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    name = f"{package}.{path.stem.replace('.', '_')}"
    _names[name] = path.stem
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with errors_named():
        spec.loader.exec_module(module)
    return module


def public_name(module: str) -> str:
    """The author's name of a loaded module: "own" for the module loaded from "own.py".

    Args:
      module: `__module__` of a class or a function.
    """
    if module in _names:
        return _names[module]
    package, _, rest = module.partition(".")
    return rest if package in _folders else module


# --- imports ------------------------------------------------------------------------------------


def _beside(folder: Path, name: str) -> Path | None:
    """The file that `import name` means beside a user's file; a folder without `__init__.py` too.

    None if the name refers to something else.
    """
    top, *rest = name.split(".")
    if top in _RESERVED:
        return None
    place = folder.joinpath(top, *rest)
    for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if file.is_file():
            return file
    if place.is_dir() and next(place.glob("*.py"), None) is not None:
        return place
    return None


class _Finder:
    """Finds the modules beside a user's file, under the package that the file was loaded in."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        package, _, rest = name.partition(".")
        file = _beside(_folders[package], rest) if rest and package in _folders else None
        if file is None:
            return None
        if file.is_dir():
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(file)]
            return spec
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            name, file, loader=_Loader(name, str(file)), submodule_search_locations=inside
        )


class _Loader(importlib.machinery.SourceFileLoader):
    """Executes the source, never a `.pyc`, with an `import` that searches its folder too."""

    def get_code(self, fullname: str) -> CodeType:
        return _compiled(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        _files.add(self.path)
        linecache.checkcache(self.path)
        package = module.__name__.partition(".")[0]
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _importer(package)}
        super().exec_module(module)


def _compiled(source: bytes, file: str, flags: int = 0) -> Any:
    try:
        return compile(source, file, "exec", flags, dont_inherit=True)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        if getattr(error, "filename", None) is not None:
            raise
        # Null bytes and the like come without the name of the file.
        raise SyntaxError(str(error) or type(error).__name__, (file, 1, 0, "")) from error


def _importer(package: str) -> Callable[..., ModuleType]:
    def import_(
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or not top or _beside(_folders[package], top) is None:
            return builtins.__import__(name, globals, locals, fromlist, level)
        found = builtins.__import__(f"{package}.{name}", globals, locals, fromlist, 0)
        return found if fromlist else sys.modules[f"{package}.{top}"]

    return import_


# --- what belongs to a file ---------------------------------------------------------------------


def files_of(path: Path) -> dict[str, Path]:
    """A user's file and the modules beside it that it imports, directly or through each other.

    Args:
      path: the file.

    Returns:
      Path relative to the file's folder -> file; the file itself comes first.

    Raises:
      UserError: a file cannot be read or is not valid Python.
    """
    path = Path(path).resolve()
    found: dict[str, Path] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        name = file.relative_to(path.parent).as_posix()
        if name in found:
            continue
        found[name] = file
        for module in _imported(file, path.parent):
            parts = module.split(".")
            for end in range(1, len(parts) + 1):
                one = _beside(path.parent, ".".join(parts[:end]))
                if one is not None and one.is_file():
                    waiting.append(one)
    return found


def digests(path: Path) -> dict[str, str]:
    """16 hexadecimal digits for each of `files_of`, which change with any byte of the file."""
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for name, file in files_of(path).items()
    }


def same_code(one: Path, other: Path) -> bool:
    """Whether two files differ at most in comments and formatting."""
    try:
        trees = [ast.dump(ast.parse(file.read_bytes())) for file in (one, other)]
    except (OSError, SyntaxError, ValueError):
        return False
    return trees[0] == trees[1]


def first_difference(old: Path, new: Path) -> str:
    """A clause that names the first line at which two files differ; empty where there is none."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = [file.read_text().splitlines() for file in (old, new)]
        for number, (a, b) in enumerate(itertools.zip_longest(*lines), start=1):
            if a != b:
                return f" (first at line {number})"
    return ""


def _imported(file: Path, root: Path) -> Iterator[str]:
    """Names that a file imports anywhere in it, relative ones made absolute."""
    with errors_named():
        tree = _compiled(file.read_bytes(), str(file), ast.PyCF_ONLY_AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = [node.module] if node.module else []
            if node.level:
                folder = file.parent
                for _ in range(node.level - 1):
                    folder = folder.parent
                if not folder.is_relative_to(root):
                    continue
                parts = [*folder.relative_to(root).parts, *parts]
            if parts:
                yield ".".join(parts)
            yield from (".".join([*parts, alias.name]) for alias in node.names)


# --- errors -------------------------------------------------------------------------------------


def sentence(error: BaseException) -> str | None:
    """An error as one sentence with the line of the user's file in which it occurred.

    Args:
      error: as caught.

    Returns:
      The sentence; None if no file of a user is involved in the error.
    """
    line = _line_of(error)
    if line is None:
        return None
    file, number = line
    text = linecache.getline(file, number).strip()
    shown = f" `{text}`" if text else ""
    return f"{file}, line {number}{shown}: {_said(error)}"


@contextlib.contextmanager
def errors_named() -> Iterator[None]:
    """Converts exceptions from a user's file inside the block into a `UserError` with the line.

    Errors that do not involve a user's file are not changed.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        said = sentence(error)
        if said is None:
            raise
        raise UserError(said) from error


def _line_of(error: BaseException) -> tuple[str, int] | None:
    if isinstance(error, SyntaxError) and error.filename and is_file(error.filename):
        return error.filename, error.lineno or 1
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        for frame, number in reversed(list(traceback.walk_tb(one.__traceback__))):
            if frame.f_code.co_filename in _files:
                return frame.f_code.co_filename, number
        one = one.__cause__ or one.__context__
    return None


def _said(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    lines = str(error).strip().splitlines()
    text = lines[0][:_LONGEST] if lines else ""
    if isinstance(error, UserError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
