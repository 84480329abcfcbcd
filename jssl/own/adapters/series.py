"""Channels and windows of an experiment on series."""

from __future__ import annotations

import dataclasses

from jssl.augmentations.series import whole_window
from jssl.config.experiment import Experiment
from jssl.errors import UserError
from jssl.own.by_operation import found as places
from jssl.own.by_operation import with_settings
from jssl.own.form import Found, OwnOptions


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an experiment on series; see `jssl.own.adapt`.

    Masks by channel have the data's channels. An experiment that forecasts takes the past and the
    future of the data, the past shortened to whole patches with the future; others bring series to
    a length of their own.
    """
    del options
    length, horizon = found.facts["length"], found.facts["horizon"]
    rows = {"rows": found.facts["channels"]}
    if not forecasts(experiment):
        return with_settings(experiment, "row_mask", rows), []
    if not horizon:
        raise UserError(
            f"{experiment.name} forecasts, and {found.path} holds series or windows with no "
            "future; use series/simclr_own, or --panel for the column that tells series apart"
        )
    patch, notes = getattr(experiment.encoder, "patch", 1), []
    whole = (length + horizon) // patch * patch
    if whole <= horizon:
        raise UserError(
            f"windows of {length} steps and {horizon} ahead hold no patch of {patch} steps of the "
            "past; give longer ones with --length"
        )
    if whole < length + horizon:
        notes.append(
            f"the past is {whole - horizon} steps instead of {length}, so that windows are whole "
            f"patches of {patch}"
        )
        data = dataclasses.replace(found.data, length=whole - horizon)
        experiment = dataclasses.replace(experiment, data=data)
    columns = {"columns": whole // patch, "tokens": whole // patch}
    experiment = with_settings(experiment, "row_mask", {**rows, **columns})
    experiment = with_settings(experiment, "extend", {"steps": horizon})
    if not list(places(experiment, "extend")):
        notes.append("the evaluation input of this experiment has no place for the future")
    return experiment, notes


def forecasts(experiment: Experiment) -> bool:
    """Whether a view reads what follows a window."""
    return any(entry is whole_window for _, entry in experiment.views.entries)
