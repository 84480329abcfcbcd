"""Changes settings of an experiment wherever an operation or a part has them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.core import settings


def found(experiment: Experiment, operation: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The places of an operation in the views and the evaluation pipeline.

    Args:
      experiment: that is walked.
      operation: name of the function, such as "log_mel".

    Yields:
      (its path, its settings by name).
    """
    places: dict[str, dict[str, Any]] = {}
    for one in settings.settings(experiment):
        part, _, _ = one.path.partition(".")
        if part in ("views", "preprocess") and _name(one.owner) == operation:
            start, _, key = one.path.rpartition(".")
            places.setdefault(start, {})[key] = one.value
    yield from places.items()


def operations(experiment: Experiment) -> set[str]:
    """Names of the functions with settings in the views and the evaluation pipeline."""
    return {_name(one.owner) for one in settings.settings(experiment)}


def with_settings(experiment: Experiment, operation: str, values: Mapping[str, Any]) -> Experiment:
    """The experiment with settings of an operation changed wherever it has them."""
    changes = [
        f"{path}.{key}={value!r}"
        for path, own in found(experiment, operation)
        for key, value in values.items()
        if key in own
    ]
    return override(experiment, *changes) if changes else experiment


def with_encoder(experiment: Experiment, **values: Any) -> Experiment:
    """The experiment with those settings of its encoder changed that it has."""
    paths = {one.path for one in settings.settings(experiment)}
    changes = [f"encoder.{k}={v!r}" for k, v in values.items() if f"encoder.{k}" in paths]
    return override(experiment, *changes) if changes else experiment


def _name(owner: Any) -> str:
    function = owner.func if isinstance(owner, functools.partial) else owner
    return getattr(function, "__name__", "")
