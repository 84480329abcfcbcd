"""The supervised baseline: the same encoder, data, optimizer and epochs, trained on labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from jssl.augmentations.compose import Views, field
from jssl.config.experiment import Experiment
from jssl.data.source import Splits, labels
from jssl.errors import UserError
from jssl.evaluation.representations import Row, first_view
from jssl.methods.semisupervised.finetune import FineTune
from jssl.runs.loop import Options, fit
from jssl.runs.run import Run

FOLDER = "supervised"


def counterpart(experiment: Experiment, classes: int) -> Experiment:
    """The supervised counterpart of an experiment.

    Its input is the first of the experiment's views. Recipe and length are those of the
    self-supervised run and are not tuned for labels, so that the row is not an upper bound of
    supervised training.

    Args:
      experiment: a self-supervised experiment.
      classes: number of classes.

    Returns:
      The experiment.

    Raises:
      UserError: it has no view of a whole augmented input.
    """
    return dataclasses.replace(
        experiment,
        method=FineTune(classes=classes, hidden=()),
        views=Views(image=first_view(experiment.views), label=field("label")),
        expected=(),
    )


def class_count(splits: Splits) -> int:
    """Number of classes of a labelled data set."""
    return len(splits.classes) or int(labels(splits.train).max()) + 1


def row(run: Run, options: Options, splits: Splits, *, log: Callable[[str], None] = print) -> Row:
    """Trains the supervised counterpart in the run's folder, or loads it if it exists.

    Args:
      run: the self-supervised run.
      options: devices to use.
      splits: the data.
      log: prints a line.

    Returns:
      The row.

    Raises:
      UserError: the data has no labels.
    """
    if "label" not in splits.train[0]:
        raise UserError(f"the data {splits.name} has no labels, so nothing can be supervised")
    own = Run(
        counterpart(run.experiment, class_count(splits)),
        run.seed,
        run.folder / FOLDER,
        run.overrides,
        accept_changes=run.accept_changes,
        file=run.file,
    )
    finished = fit(own, dataclasses.replace(options, probe_every=0, on_collapse="off"), log=log)
    finished.require("the supervised row")
    return Row(finished.program, finished.state)
