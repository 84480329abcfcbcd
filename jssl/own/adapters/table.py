"""Columns of an experiment on tables."""

from __future__ import annotations

import dataclasses

from jssl.config.experiment import Experiment
from jssl.data.cells import Described
from jssl.own.by_operation import with_encoder, with_settings
from jssl.own.form import Found, OwnOptions


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an experiment on tables to the columns of the data; see `jssl.own.adapt`."""
    del options
    kinds = tuple(found.facts["categories"])
    data = dataclasses.replace(found.data, categories=kinds)
    if experiment.preprocess.field == "cells":
        data = Described(data)
    experiment = dataclasses.replace(experiment, data=data)
    experiment = with_encoder(experiment, categories=kinds)
    experiment = with_settings(experiment, "subset_mask", {"tokens": len(kinds)})
    return with_settings(experiment, "partition_columns", {"columns": len(kinds)}), []
