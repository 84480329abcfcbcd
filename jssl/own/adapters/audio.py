"""Rate, frames and masks of an experiment on sounds."""

from __future__ import annotations

from typing import Any

from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.encoders.waveform import WaveformTransformer
from jssl.errors import UserError
from jssl.own.by_operation import found as places
from jssl.own.by_operation import with_settings
from jssl.own.form import Found, OwnOptions

_GRID_MASKS = ("random_mask", "group_mask", "inverse_block_mask", "block_mask")


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an audio experiment; see `jssl.own.adapt`.

    Windows and hops of spectrograms keep their duration at the rate of the data, and there are as
    many frames as the clip has, in whole patches; masks cover the patches that result.
    """
    del options
    rate = found.facts["rate"]
    samples = max(round(found.facts["seconds"] * rate), 1)
    if isinstance(experiment.encoder, WaveformTransformer):
        width, hop = experiment.encoder.field()
        tokens = (samples - width) // hop + 1
        if tokens < 4:
            raise UserError(_short(found, experiment))
        return with_settings(experiment, "span_mask", {"tokens": tokens}), []
    patch = getattr(experiment.encoder, "patch_size", 1)
    notes: list[str] = []
    for path, own in list(places(experiment, "log_mel")):
        front = _front(own, rate, samples, patch)
        if front is None:
            raise UserError(_short(found, experiment))
        changes = [f"{path}.{key}={value}" for key, value in front.items()]
        experiment = override(experiment, *changes)
        grid = (front["frames"] // patch, own["mels"] // patch)
        if path.startswith("preprocess."):
            notes.append(
                f"spectrograms have {front['frames']} frames of {1000 * front['hop'] / rate:.3g} ms"
            )
            for mask in _GRID_MASKS:
                values = {"grid": grid, "tokens": grid[0] * grid[1]}
                experiment = with_settings(experiment, mask, values)
    return experiment, notes


def _front(own: dict[str, Any], rate: int, samples: int, patch: int) -> dict[str, int] | None:
    """The settings of a spectrogram at another rate and length; None where the clip is too short.

    Where fewer than two patches of frames fit, the hop is shortened, down to a quarter.
    """
    scale = rate / own["rate"]
    window, hop = max(round(own["window"] * scale), 4), max(round(own["hop"] * scale), 1)
    shortest = max(hop // 4, 1)
    if (samples - window) // hop + 1 < 2 * patch:
        hop = max(min(hop, (samples - window) // (2 * patch)), shortest)
    frames = ((samples - window) // hop + 1) // patch * patch
    return {"rate": rate, "window": window, "hop": hop, "frames": frames} if frames > 0 else None


def _short(found: Found, experiment: Experiment) -> str:
    return (
        f"clips of {found.facts['seconds']:g} s are too short for {experiment.name}; give longer "
        "ones with --length"
    )
