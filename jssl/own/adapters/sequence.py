"""Alphabet of an experiment on proteins or DNA."""

from __future__ import annotations

from jssl.config.experiment import Experiment
from jssl.data.sequences import DNA
from jssl.errors import UserError
from jssl.own.by_operation import found as places
from jssl.own.by_operation import operations, with_encoder, with_settings
from jssl.own.form import Found, OwnOptions


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts the vocabulary to the alphabet of the data; see `jssl.own.adapt`."""
    del options
    alphabet = found.facts["alphabet"]
    size = len(alphabet)
    if alphabet != DNA and "reverse_complement" in operations(experiment):
        raise UserError(f"{experiment.name} turns strands of DNA, and {found.path} has proteins")
    experiment = with_encoder(experiment, vocabulary=size + 1)
    experiment = with_settings(experiment, "replace_symbols", {"vocabulary": size})
    experiment = with_settings(experiment, "blank_symbols", {"symbol": size})
    if any(own["vocabulary"] is not None for _, own in places(experiment, "swap_mask")):
        experiment = with_settings(experiment, "swap_mask", {"vocabulary": size + 1})
    return experiment, []
