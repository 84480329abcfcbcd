"""Adapts an experiment to one's own data."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import Any

from jssl.augmentations.compose import Field, Pipeline
from jssl.config.experiment import Experiment
from jssl.config.registry import experiments
from jssl.core import ranges, settings
from jssl.errors import UserError
from jssl.own.form import MODALITIES, Found, OwnOptions
from jssl.own.recognise import forms

_FIELDS = {
    "image": "image",
    "audio": "audio",
    "row": "table",
    "cells": "table",
    "series": "series",
    "text": "text",
    "sequence": "sequence",
    "graph": "graph",
    "points": "cloud",
    "video": "video",
}
"""Field that the evaluation pipeline reads -> modality."""
FOLDERS = {
    "image": "image",
    "audio": "audio",
    "table": "tabular",
    "series": "series",
    "text": "text",
    "sequence": "biology",
    "graph": "graph",
    "cloud": "points",
    "video": "video",
    "caption": "image_text",
}
"""Modality -> folder of the experiments that take it."""


def modality_of(experiment: Experiment) -> str:
    """The modality that an experiment takes.

    Raises:
      UserError: its pipeline reads a field that is of none.
    """
    field = experiment.preprocess.field
    if field == "image" and "captions" in _fields_read(experiment.views):
        return "caption"
    if field not in _FIELDS:
        raise UserError(
            f"{experiment.name} reads the field {field!r}, for which there is no form of own data"
        )
    return _FIELDS[field]


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions | None = None
) -> tuple[Experiment, tuple[str, ...]]:
    """The experiment on the user's data.

    The data spec is replaced; the rest changes where it depends on the data: image sizes, channels,
    normalisation, the number of classes, and a batch larger than the data.

    Args:
      experiment: any experiment of the modality.
      found: of `recognise`.
      options: those that it was recognised with.

    Returns:
      (the adapted experiment, a sentence for each change that is not plain from the data).

    Raises:
      UserError: the experiment takes another modality, needs labels that there are none of, or
        cannot take the data's channels.
    """
    options = options or OwnOptions()
    wanted = modality_of(experiment)
    if wanted != found.modality:
        raise UserError(_mismatch(experiment, wanted, found))
    notes = list(found.notes)
    with ranges.suspended():  # values that belong together change one after the other
        changed = dataclasses.replace(experiment, expected=())  # adapters may look at its data
        module = f"jssl.own.adapters.{found.modality}"
        if importlib.util.find_spec(module) is not None:
            changed, more = importlib.import_module(module).adapt(changed, found, options)
            notes += more
        if changed.data is experiment.data:
            changed = dataclasses.replace(changed, data=found.data)
        clips = getattr(changed.data, "clips", 1)
        found = dataclasses.replace(found, examples=found.examples * clips)
        changed, more = _classes(changed, found)
        notes += more
        changed, more = _batch(changed, found)
        notes += more
    settings.check(changed)
    return changed, tuple(notes)


def _mismatch(experiment: Experiment, wanted: str, found: Found) -> str:
    about = forms()[found.form].about
    start = f"{FOLDERS[found.modality]}/"
    fitting = [name for name in experiments() if name.startswith(start)]
    own = [name for name in fitting if "own" in name.split("/")[1].split("_")]
    use = own[0] if own else f"{start}..."
    return (
        f"{found.path} is {about}, and {experiment.name or 'this experiment'} takes "
        f"{MODALITIES[wanted]}; use {use} (jssl list {start}), or --form if it is something else"
    )


def _classes(experiment: Experiment, found: Found) -> tuple[Experiment, list[str]]:
    """Sets the numbers of classes and of examples of a method that has these as settings."""
    method = experiment.method
    fields = {field.name for field in dataclasses.fields(method)}
    if "examples" in fields and found.examples:
        method = dataclasses.replace(method, examples=found.examples)
    reads = "label" in _fields_read(experiment.views)
    if reads and not found.classes:
        has = "several an example" if found.tags else "none"
        raise UserError(
            f"{experiment.name} learns from labels, one an example, and {found.path} has {has}; "
            "name them with --label, or take a method that needs none"
        )
    if reads and "classes" in fields:
        method = dataclasses.replace(method, classes=len(found.classes))
    return dataclasses.replace(experiment, method=method), []


def _batch(experiment: Experiment, found: Found) -> tuple[Experiment, list[str]]:
    """Shrinks a batch that is larger than the training split."""
    if not found.examples or experiment.batch_size <= found.examples:
        return experiment, []
    size = max(1, found.examples - found.examples % 2)
    note = (
        f"the batch is {size} instead of {experiment.batch_size}, since there are "
        f"{found.examples} training examples"
    )
    return dataclasses.replace(experiment, batch_size=size), [note]


def _fields_read(node: Any) -> set[str]:
    """The fields of an example that views read."""
    if isinstance(node, Pipeline):
        return {node.field}
    if isinstance(node, Field):
        return {node.name}
    if isinstance(node, tuple):
        return set().union(*map(_fields_read, node)) if node else set()
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        parts = (getattr(node, field.name) for field in dataclasses.fields(node))
        return set().union(*map(_fields_read, parts))
    return set()
