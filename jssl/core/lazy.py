"""Names that a package offers from modules that it imports when a name is first used (PEP 562).

The table of a package's names is the stub beside it, `__init__.pyi`: type checkers and editors read
the same lines, `from MODULE import NAME as NAME`. `tools/write_front.py` writes the stubs, and a
test compares them with the code.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

_LINE = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def front(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What a package's `__init__.py` needs in order to offer the names of its stub.

    Args:
      package: `__name__` of the package.

    Returns:
      (`__getattr__`, `__dir__`, `__all__`) of the package.
    """
    module = sys.modules[package]
    names = table(package)
    module.__class__ = _Package

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        source = names[name]
        if source == package:
            value = importlib.import_module(f"{package}.{name}")
        else:
            value = getattr(importlib.import_module(source), name)
        vars(module)[name] = value
        return value

    def listed() -> list[str]:
        return sorted({*vars(module), *names})

    vars(module)["_front"] = names
    return get, listed, sorted(names)


def table(package: str) -> dict[str, str]:
    """The names of a package's stub, each with the module that defines it."""
    stub = Path(sys.modules[package].__path__[0]) / "__init__.pyi"
    return {name: source for source, name in _LINE.findall(stub.read_text(encoding="utf-8"))}


class _Package(ModuleType):
    """A package whose names are not replaced by modules of the same name.

    When `jssl.encoders.vit` is imported, Python sets that module as the attribute `vit` of
    `jssl.encoders`, where the name means a function.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        meant = vars(self).get("_front", {}).get(name, self.__name__)
        if meant == self.__name__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)
