"""Calls public functions with one array of a wrong rank at a time, and reads what they answer."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from jssl.errors import UserError

# Examples, other examples, tokens or views, dimensions, classes; digits stand for themselves.
SIZES = {"B": 6, "M": 5, "T": 4, "D": 8, "K": 3}
# In the annotation of an argument that is an array, and of one that is not.
ARRAYS = ("ndarray", "jax.Array", "Part", "Windows")
OTHERS = ("Positive", "NonNegative", "Unit", "Real", "float", "Callable", "dict")


def functions(package: ModuleType) -> dict[str, Callable]:
    """The public functions of a package's modules that take arrays, by module and name."""
    found = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        part = importlib.import_module(module.name)
        for name, function in vars(part).items():
            if (
                not name.startswith("_")
                and inspect.isfunction(function)
                and function.__module__ == part.__name__
                and any(arrays(p) for p in inspect.signature(function).parameters.values())
            ):
                where = module.name.removeprefix(f"{package.__name__}.")
                found[f"{where}.{name}"] = inspect.unwrap(function)
    return found


def arrays(parameter: inspect.Parameter) -> bool:
    """Whether an argument is an array, or a tuple of some; numbers that may be traced are not."""
    kind = str(parameter.annotation)
    return any(word in kind for word in ARRAYS) and not any(word in kind for word in OTHERS)


def array(axes: str) -> np.ndarray:
    """An array of the axes that the letters name: zeros and ones in turn."""
    shape = tuple(SIZES[letter] if letter in SIZES else int(letter) for letter in axes)
    return (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape)


def accepted(function: Callable, spec: str, others: dict[str, Any], kind: Any) -> list[str]:
    """Sentences on the wrong calls of a function that it does not refuse by naming a shape.

    Args:
      function: what is called.
      spec: its arrays, such as "logits:BK labels:B"; "train:BD,B" is a tuple of arrays.
      others: its other arguments.
      kind: makes of NumPy's arrays what the function takes.
    """
    names = {name: axes.split(",") for name, axes in (part.split(":") for part in spec.split())}
    right = {name: [kind(array(axes)) for axes in parts] for name, parts in names.items()}

    def call(values: dict[str, list[Any]]) -> str:
        given = {
            name: tuple(parts) if len(parts) > 1 else parts[0] for name, parts in values.items()
        }
        try:
            result = function(**given, **others)
            if isinstance(result, Iterator):
                next(result)
        except (AssertionError, UserError, ValueError) as error:
            return str(error)
        return ""

    bad = []
    for name, parts in right.items():
        for place, value in enumerate(parts):
            wrong = [kind(np.stack([np.asarray(value)] * 2))]
            wrong += [value[0]] if value.ndim > 1 else []
            for one in wrong:
                changed = [*parts[:place], one, *parts[place + 1 :]]
                said = call({**right, name: changed})
                shape = ", ".join(map(str, one.shape))
                if not said.startswith("[Chex] Assertion") and shape not in said:
                    bad.append(f"{name} {list(one.shape)}: {said or 'no error'}")
    return bad
