"""Length, stride and size of the clips of a video experiment."""

from __future__ import annotations

import dataclasses

from jssl.config.experiment import Experiment
from jssl.data.volumes import VolumeArrays
from jssl.errors import UserError
from jssl.own.adapters.image import input_size, measured, resized
from jssl.own.form import Found, OwnOptions


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Clips of the experiment's length and size; the stride shrinks for short videos."""
    before, notes = experiment.data, []
    own = input_size(experiment, 112)
    size = options.size or own
    if size != own:
        experiment = resized(experiment, own, size)
    names = {field.name for field in dataclasses.fields(found.data)}
    frames = getattr(before, "images", getattr(before, "frames", 16))
    if isinstance(found.data, VolumeArrays):
        return _volumes(experiment, found, options, frames, size)
    if "frames" not in names:  # decoded clips, which the recipe crops
        return dataclasses.replace(experiment, data=found.data), notes
    changes = {"frames": frames, "size": size}
    if "stride" in names:
        shortest = found.facts["frames"][0]
        stride = getattr(before, "stride", 2)
        fitting = max(1, (shortest - 1) // max(frames - 1, 1))
        if shortest < frames:
            raise UserError(
                f"{found.path}: the shortest video has {shortest} frames and {experiment.name} "
                f"takes clips of {frames}; remove the short ones, or choose another experiment"
            )
        if fitting < stride:
            notes.append(
                f"frames of a clip are {fitting} apart instead of {stride}, since the shortest "
                f"video has {shortest}"
            )
        changes |= {"stride": min(stride, fitting), "clips": getattr(before, "clips", 1)}
    data = dataclasses.replace(found.data, **changes)
    return dataclasses.replace(experiment, data=data), notes


def _volumes(
    experiment: Experiment, found: Found, options: OwnOptions, frames: int, size: int
) -> tuple[Experiment, list[str]]:
    """Volumes of as many slices as the experiment's clips have frames, and their statistics."""
    depth, own = int(options.length or frames), found.facts["frames"][0]
    data = dataclasses.replace(found.data, depth=depth, size=size)
    experiment, notes = measured(dataclasses.replace(experiment, data=data), found.facts)
    if depth != own:
        notes.append(f"volumes of {own} slices are resampled to {depth}; --length changes it")
    return experiment, notes
