"""Experiments: frozen dataclasses of the objects that define a run, found by their path."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jssl.augmentations.compose import Pipeline, Views
from jssl.config import registry
from jssl.config.user_code import errors_named, is_file
from jssl.config.user_code import load as load_file
from jssl.core import settings
from jssl.core.ranges import Count, Positive, Ranged, Real
from jssl.errors import UserError, nearest
from jssl.methods.base import Method
from jssl.nn import module as nn
from jssl.training.optim import Optimizer


@dataclasses.dataclass(frozen=True)
class Experiment(Ranged):
    """Everything that defines a run except its seed.

    Attributes:
      method: the method with its hyper-parameters.
      encoder: the Linen module that is trained.
      data: a data spec; `data.load()` gives the splits.
      views: training augmentation, (key, batch) -> named views.
      preprocess: evaluation pipeline, one example -> what the encoder sees.
      optimizer: the optimizer with its learning-rate rule.
      batch_size: global batch size, whatever the number of devices.
      epochs: passes over the training split; may be fractional.
      expected: published scores, name -> (value, source), printed beside the measured ones.
      name: where the experiment was found, e.g. "image/simclr_cifar10".
    """

    method: Method
    encoder: nn.Module
    data: Any
    views: Views
    preprocess: Pipeline
    optimizer: Optimizer
    batch_size: Count
    epochs: Positive
    expected: tuple[tuple[str, Real, str], ...] = ()
    name: str = dataclasses.field(default="", metadata={"override": False})

    @property
    def paper(self) -> str:
        """Exact title of the method's paper."""
        return self.method.paper

    @property
    def family(self) -> str:
        """Family of the method: the folder of its file; "own" for a method outside jssl."""
        package, _, module = type(self.method).__module__.partition(".methods.")
        return module.split(".")[0] if package == "jssl" else "own"

    def check(self) -> None:
        """Raises `UserError` if any value, at any depth, is invalid."""
        settings.check(self)
        self.check_changed(("optimizer.warmup_epochs",))

    def check_changed(self, paths: Sequence[str]) -> None:
        """Checks only explicitly set settings; see `jssl.config.overrides.override`.

        A warm-up longer than the run is refused, unless the run itself was shortened, which
        truncates it.
        """
        asked = "optimizer.warmup_epochs" in paths
        if asked and self.optimizer.warmup_epochs > self.epochs:
            raise UserError(
                f"optimizer.warmup_epochs is {self.optimizer.warmup_epochs}; it must be at most "
                f"epochs, which is {self.epochs}"
            )

    def smoke(self) -> Experiment:
        """The same experiment with a tiny encoder, little data and a batch of 4, for tests."""
        shrunk = {
            name: getattr(self, name).smoke()
            for name in ("method", "encoder", "data", "views")
            if hasattr(getattr(self, name), "smoke")
        }
        warmup = min(self.optimizer.warmup_epochs, 2.0)
        optimizer = dataclasses.replace(self.optimizer, warmup_epochs=warmup)
        return dataclasses.replace(self, **shrunk, optimizer=optimizer, batch_size=4, epochs=2)


# --- the registry -------------------------------------------------------------------------------


def names() -> list[str]:
    """Names of all experiments that ship with the project, sorted."""
    return list(registry.experiments())


def load(name: str) -> Experiment:
    """The experiment of a name, or of a Python file.

    Args:
      name: e.g. "image/simclr_cifar10", or the path of a file that defines `get_experiment()`.

    Returns:
      The experiment, with its name filled in.

    Raises:
      UserError: if there is no such experiment, or the file defines none.
    """
    module = load_module(name)
    function = "get_experiment" if is_file(name) else registry.experiments()[name].function
    factory: Callable[[], Experiment] | None = getattr(module, function, None)
    if factory is None:
        raise UserError(f"{name} defines no get_experiment()")
    with errors_named():
        experiment = factory()
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"{function}() of {name} returned {type(experiment).__name__}, not Experiment"
        )
    # A file is named by its full path, so that its runs find it again from any folder.
    name = str(Path(name).resolve()) if is_file(name) else name
    experiment = dataclasses.replace(experiment, name=name)
    experiment.check()
    return experiment


def load_module(name: str) -> ModuleType:
    """The Python module of an experiment; see `load`."""
    if is_file(name):
        return load_file(Path(name))
    known = names()
    if name not in known:
        raise UserError(f"unknown experiment {name!r}: {nearest(name, known)}")
    return importlib.import_module(registry.experiments()[name].module)


def about(name: str) -> str:
    """The docstring of an experiment that ships with the project, from its module or function.

    Raises:
      UserError: if there is none of that name.
    """
    module, entry = load_module(name), registry.experiments()[name]
    single = entry.function == "get_experiment"
    return inspect.getdoc(module if single else getattr(module, entry.function)) or ""


def method_modules() -> dict[str, ModuleType]:
    """Modules of all methods that ship with the project, by "family/name"."""
    package = importlib.import_module("jssl.methods")
    found = {}
    for family in pkgutil.iter_modules(package.__path__):
        if not family.ispkg:
            continue
        folder = importlib.import_module(f"jssl.methods.{family.name}")
        for module in pkgutil.iter_modules(folder.__path__):
            if module.name.startswith("_"):
                continue
            path = f"{folder.__name__}.{module.name}"
            found[f"{family.name}/{module.name}"] = importlib.import_module(path)
    return found


def methods() -> dict[str, type[Method]]:
    """All methods that ship with the project, by "family/name" of their file."""
    found = {}
    for name, module in method_modules().items():
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Method)
                and value.__module__ == module.__name__
                and value.paper
            ):
                found[name] = value
    return found
