"""Former names of modules, under which experiment files and run records still know them."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

MOVED = {
    "jssl.alarm": "jssl.health.alarm",
    "jssl.bisect": "jssl.runs.bisect",
    "jssl.checkpoint": "jssl.training.checkpoint",
    "jssl.clock": "jssl.core.progress",
    "jssl.evaluation.subject": "jssl.evaluation.representations",
    "jssl.experiment": "jssl.config.experiment",
    "jssl.feed": "jssl.training.batches",
    "jssl.gradients": "jssl.training.gradients",
    "jssl.handover": "jssl.runs.warm_start",
    "jssl.loop": "jssl.runs.loop",
    "jssl.optim": "jssl.training.optim",
    "jssl.overrides": "jssl.config.overrides",
    "jssl.replay": "jssl.runs.replay",
    "jssl.run": "jssl.runs.run",
    "jssl.session": "jssl.studies.session",
    "jssl.sharding": "jssl.training.sharding",
    "jssl.state": "jssl.core.state",
    "jssl.sweep": "jssl.studies.batched_runs",
}
_RECORDED = {module: former for former, module in MOVED.items()}


def recorded_name(module: str) -> str:
    """The name under which run records know a module: its former one, if it has moved.

    Fingerprints of experiments contain the names of classes, so these names never change.
    """
    return _RECORDED.get(module, module)


class _Loader(importlib.abc.Loader):
    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put the former name's in its place


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if name not in MOVED:
            return None
        return importlib.machinery.ModuleSpec(name, _Loader(MOVED[name]))


def install() -> None:
    """Makes the former names importable: each gives the module that now stands elsewhere."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
