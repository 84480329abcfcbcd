"""What an experiment is and what a run of it would do, found without compiling anything."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax

from jssl.config.experiment import Experiment
from jssl.config.meanings import meaning
from jssl.config.overrides import describe
from jssl.core import typecheck
from jssl.core.settings import Setting, settings
from jssl.errors import UserError
from jssl.plan.planning import data_facts
from jssl.training.program import Program, build
from jssl.training.sharding import make_mesh

_STATE = {
    "parameters": "params",
    "optimizer": "opt_state",
    "batch statistics": "stats",
    "memory": "memory",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A setting as it is shown.

    Attributes:
      key: as `--set` takes it.
      value: what it is now.
      type: as people read it; "" where it has no annotation.
      range: which values it may have; "" where none is declared.
      meaning: one sentence; "" where none is written.
    """

    key: str
    value: Any
    type: str
    range: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Shown:
    """An experiment, its settings and what a run of it would do.

    Attributes:
      name: of the experiment.
      paper: title of the method's paper.
      parts: class of each part of the experiment.
      settings: every setting.
      facts: of a run, by name; those that need the data are missing where it is not known.
      data: what is wrong with the data, in a sentence; "" where it is at hand.
      refused: why a run would not begin, in a sentence; "" where it would.
    """

    name: str
    paper: str
    parts: dict[str, str]
    settings: tuple[Row, ...]
    facts: dict[str, Any]
    data: str
    refused: str

    def json(self) -> dict[str, Any]:
        """For machines: plain values."""
        rows = [dataclasses.asdict(row) | {"value": describe(row.value)} for row in self.settings]
        return {**vars(self), "settings": rows}


def row(setting: Setting) -> Row:
    """A setting with its type, its range and its meaning."""
    hint = setting.hint
    if hint is None or not typecheck.plain(hint):
        hint = typecheck.type_of(setting.value)
    texts = dict.fromkeys(declared.text for declared in setting.ranges)
    return Row(
        setting.path, setting.value, typecheck.show(hint), " or ".join(texts), meaning(setting)
    )


def show(experiment: Experiment) -> Shown:
    """Collects what there is to say of an experiment.

    Shapes come from `jax.eval_shape`: nothing is compiled and no array of the model's is made.

    Args:
      experiment: overrides applied.

    Returns:
      See `Shown`.
    """
    optimizer = experiment.optimizer
    facts: dict[str, Any] = {
        "examples per step": experiment.batch_size,
        "epochs": experiment.epochs,
        "optimizer": optimizer.name,
        "peak learning rate": optimizer.peak(experiment.batch_size),
        "schedule": _schedule(experiment),
    }
    refused = ""
    example, length, trouble = _data(experiment)
    if example is not None:
        facts["training examples"] = length
        try:
            facts |= _of_program(build(experiment, example, length, make_mesh(1)))
        except UserError as error:
            refused = str(error)
    named = ("method", "encoder", "data", "views", "preprocess", "optimizer")
    return Shown(
        experiment.name,
        experiment.paper,
        {name: type(getattr(experiment, name)).__name__ for name in named},
        tuple(map(row, settings(experiment))),
        facts,
        trouble,
        refused,
    )


def _data(experiment: Experiment) -> tuple[dict[str, Any] | None, int, str]:
    """(an example, number of examples, what is wrong with the data)."""
    try:
        train = experiment.data.load().train
        return dict(train[0]), len(train), ""
    except UserError as error:
        trouble = str(error)
    try:
        example, length = data_facts(experiment)
    except UserError:
        return None, 0, trouble
    return example, length, f"{trouble}; what follows takes its {length:,} examples as known"


def _schedule(experiment: Experiment) -> str:
    optimizer = experiment.optimizer
    peak = optimizer.peak(experiment.batch_size)
    rise = ""
    if optimizer.warmup_epochs:
        start = peak * optimizer.warmup_start
        rise = f"linear from {start:.3g} over {optimizer.warmup_epochs:g} epochs, then "
    return f"{rise}half a cosine from {peak:.4g} to {peak * optimizer.end:.3g}"


def _of_program(program: Program) -> dict[str, Any]:
    state = program.abstract_state
    sizes = {name: _bytes(getattr(state, field)) for name, field in _STATE.items()}
    return {
        "steps": program.steps,
        "steps per epoch": program.steps_per_epoch,
        "views per step": program.views_per_step,
        "number of parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "bytes of state": {**sizes, "all": sum(sizes.values())},
    }


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
