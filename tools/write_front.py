"""Writes the stubs that say which names jssl's packages offer: python tools/write_front.py

Each `__init__.pyi` is the table that `jssl/core/lazy.py` reads. A public function of
`jssl/objectives/`, an operation on images in `jssl/augmentations/`, an encoder and a method get
there by what they are.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from jssl.nn import module as nn  # noqa: E402

# Modules for one kind of data, whose operations share names such as `jitter`: they are used as
# `jssl.augmentations.audio.shift`.
KINDS = ("audio", "graphs", "points", "recipes", "series", "tables", "text", "video")
ALONE = {
    "jssl": {
        "jssl": "augmentations data encoders evaluation methods objectives testing",
        "jssl.api": "evaluate load train",
        "jssl.interop.encoder": "load_encoder",
        "jssl.training.bound": "Bound bind",
        "jssl.errors": "UserError",
        "jssl.config.experiment": "Experiment",
        "jssl.training.optim": "Optimizer",
    },
    "jssl.augmentations": {
        "jssl.augmentations": " ".join(KINDS),
        "jssl.augmentations.compose": "Pipeline Views field pipeline repeat tracked",
        "jssl.augmentations.labelled": "after",
        "jssl.augmentations.operations": "sometimes",
    },
    "jssl.encoders": {
        "jssl.encoders.features": "Features",
        "jssl.encoders.tokens": "TokenEncoder",
    },
    "jssl.methods": {
        "jssl.methods.base": "Method",
        "jssl.methods.classifier": "Classifier",
        "jssl.methods.siamese": "Siamese interleave_views split_views",
        "jssl.methods.step": "Step",
        "jssl.methods.teacher": "MomentumTeacher",
        "jssl.methods.views": "Spec",
        "jssl.methods.weighing": "MGDA Fixed PCGrad Scheduled Sum Uncertainty",
    },
    "jssl.objectives": {},
}


def names(package: str) -> dict[str, str]:
    """The names that a package should offer, each with the module that defines it."""
    found = {name: module for module, listed in ALONE[package].items() for name in listed.split()}
    rules = {"jssl.objectives": _objective, "jssl.augmentations": _operation}
    if package == "jssl.encoders":
        rules[package] = _encoder
    if package == "jssl.methods":
        from jssl.config import experiment

        found |= {kind.__name__: kind.__module__ for kind in experiment.methods().values()}
    if package in rules:
        for module in _modules(package):
            for name, value in _own(module):
                if rules[package](value):
                    if name in found and found[name] != module.__name__:
                        raise SystemExit(f"{name} is in {found[name]} and in {module.__name__}")
                    found[name] = module.__name__
    return found


def stub(package: str) -> str:
    """The text of a package's `__init__.pyi`."""
    lines = [f"from {module} import {name} as {name}" for name, module in names(package).items()]
    text = "# Written by tools/write_front.py.\n\n"
    text += "\n".join(sorted(lines, key=_order)) + "\n"
    return text + ("\n__version__: str\n" if package == "jssl" else "")


def path(package: str) -> Path:
    """Where it lies."""
    return ROOT / package.replace(".", "/") / "__init__.pyi"


def _order(line: str) -> tuple[str, int, str]:
    """As Ruff sorts imports: constants, classes, functions."""
    _, module, _, name, *_ = line.split()
    return module, 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name


def _modules(package: str) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not found.ispkg and not (package == "jssl.augmentations" and found.name in KINDS):
            yield importlib.import_module(f"{package}.{found.name}")


def _own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__:
            yield name, value


def _objective(value: Any) -> bool:
    return inspect.isfunction(value)


def _operation(value: Any) -> bool:
    """f(key, ...), as a pipeline calls its operations."""
    return (
        inspect.isfunction(value) and next(iter(inspect.signature(value).parameters), "") == "key"
    )


def _encoder(value: Any) -> bool:
    """A module that is called for `Features`, or a function that returns such a module."""
    if inspect.isfunction(value):
        returned = inspect.signature(value).return_annotation
        value = vars(sys.modules[value.__module__]).get(str(returned))
    if not (isinstance(value, type) and issubclass(value, nn.Module)):
        return False
    return "Features" in str(inspect.signature(value.__call__).return_annotation)


if __name__ == "__main__":
    for package in ALONE:
        path(package).write_text(stub(package))
