"""The grounds on which methods are judged: data, views, preprocessing and settings of each method.

`shapes` are procedural silhouettes, standardised; `cifar` is a part of CIFAR-10. On both, training
and evaluation see images of the same size. A method starts from its own settings in
`learning_shapes.py`; `budget` multiplies the epochs, with the same share of warm-up.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jssl.augmentations.compose import Pipeline, Views
from jssl.augmentations.view import standardise
from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.errors import UserError, nearest
from jssl.studies.suite import BenchmarkSuite, Case

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import learning_images
import learning_shapes

# Of 1024 images of the training split in grey, half of them inverted, as the views are.
SHAPES = ((0.5,), (0.262,))
EXAMPLES = (2000, 1000, 2000)  # that the read-outs see


@dataclass(frozen=True)
class Ground:
    """Data on which every method is judged.

    Attributes:
      name: of the ground.
      study: the methods and their settings.
      change: what is changed in a method's experiment.
      path: of the file with the data, where they lie in one.
    """

    name: str
    study: BenchmarkSuite
    change: Callable[[Experiment], Experiment]
    path: str = "cifar10.npz"

    def experiment(self, method: str, budget: int) -> Experiment:
        """The experiment of a method.

        Args:
          method: "family/name", or the name alone.
          budget: factor on the number of epochs.

        Returns:
          The experiment.

        Raises:
          UserError: no such method, or a budget below 1.
        """
        if budget < 1:
            raise UserError(f"a budget is a whole number of at least 1, not {budget}")
        made = self.change(self.study.experiment(self.case(method)))
        warmup = made.optimizer.warmup_epochs * budget
        return override(made, f"epochs={made.epochs * budget}", f"optimizer.warmup_epochs={warmup}")

    def source(self, method: str, budget: int) -> str:
        """A Python file that defines the experiment of a method."""
        return (
            "from benchmarks.learning.grounds import ground\n\n\n"
            "def get_experiment():\n"
            f"    return ground({self.name!r}, {self.path!r}).experiment({method!r}, {budget})\n"
        )

    def case(self, method: str) -> Case:
        """The case of a method by its name, with or without the family; `UserError` if none."""
        names = {case.method.split("/")[1]: case.method for case in self.study.cases}
        return self.study.case(names.get(method, method))


def standardised(experiment: Experiment, stats: Any = SHAPES) -> Experiment:
    """The experiment with its images standardised by fixed statistics, in all views and after.

    Args:
      experiment: its views and preprocessing end with images in [0, 1].
      stats: mean and standard deviation of the data.

    Returns:
      The experiment.
    """
    entries = {name: _appended(entry, stats) for name, entry in experiment.views.entries}
    return dataclasses.replace(
        experiment,
        views=Views(batch=experiment.views.batch, **entries),
        preprocess=_appended(experiment.preprocess, stats),
    )


def _appended(value: Any, stats: Any) -> Any:
    """Appends the standardisation to every pipeline inside an entry of views."""
    change = functools.partial(_appended, stats=stats)
    if isinstance(value, Pipeline):
        return dataclasses.replace(value, ops=(*value.ops, standardise(stats)))
    if isinstance(value, functools.partial):
        keywords = {name: change(inner) for name, inner in value.keywords.items()}
        return functools.partial(value.func, *map(change, value.args), **keywords)
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(change, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {
            f.name: change(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init
        }
        return dataclasses.replace(value, **parts)
    return value


def grounds(path: str = "cifar10.npz") -> dict[str, Ground]:
    """The grounds by name.

    Args:
      path: of the file with CIFAR-10; see `learning_images.py`.
    """
    return {
        "shapes": Ground("shapes", learning_shapes.STUDY, standardised),
        "cifar": Ground("cifar", learning_images.make(path), lambda experiment: experiment, path),
    }


def ground(name: str, path: str = "cifar10.npz") -> Ground:
    """The ground of a name; raises `UserError` if there is none."""
    found = grounds(path)
    if name not in found:
        raise UserError(f"there is no ground {name!r}: {nearest(name, found)}")
    return found[name]
