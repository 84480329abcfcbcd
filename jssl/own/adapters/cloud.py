"""Numbers of points, and turns, of an experiment on point clouds."""

from __future__ import annotations

from jssl.config.experiment import Experiment
from jssl.own.by_operation import found as places
from jssl.own.by_operation import with_settings
from jssl.own.form import Found, OwnOptions

_UP = 2  # the axis of z


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an experiment on point clouds; see `jssl.own.adapt`.

    Views take no more points than clouds have, and blocks of scans are turned about the vertical
    axis alone.
    """
    del options
    points = found.facts["points"]
    for _, own in list(places(experiment, "subsample")):
        if own["count"] > points:
            experiment = with_settings(experiment, "subsample", {"count": points})
    notes = []
    if found.facts["block"]:
        experiment = with_settings(experiment, "rotate", {"axis": _UP})
        notes.append("blocks of scans are turned about the vertical axis only")
    return experiment, notes
