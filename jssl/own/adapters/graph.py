"""Batch and length of an experiment on one graph."""

from __future__ import annotations

import dataclasses

from jssl.config.experiment import Experiment
from jssl.errors import UserError
from jssl.own.form import Found, OwnOptions

_STEPS = 300  # an epoch of one graph is one step


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an experiment on graphs; one graph is one example, and an epoch is one step of it.

    See `jssl.own.adapt`.
    """
    del options
    if not found.facts["single"]:
        return experiment, []
    if "mask" not in dict(experiment.views.entries):
        raise UserError(
            f"{experiment.name} compares graphs, and {found.path} is one graph; use "
            "graph/graphmae_own, which hides nodes"
        )
    notes, epochs = [], experiment.epochs
    if experiment.batch_size > 1 and epochs < _STEPS:
        epochs = float(_STEPS)
        notes.append(f"one graph is one step an epoch: {_STEPS} epochs")
    return dataclasses.replace(experiment, batch_size=1, epochs=epochs), notes
