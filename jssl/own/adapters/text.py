"""Vocabulary of an experiment on texts."""

from __future__ import annotations

from jssl.config.experiment import Experiment
from jssl.own.by_operation import with_encoder
from jssl.own.form import Found, OwnOptions


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an experiment on texts, read as bytes or as pieces of words; see `jssl.own.adapt`."""
    del options
    own, wanted = getattr(experiment.encoder, "vocabulary", None), found.facts["vocabulary"]
    notes = []
    if own is not None and own != wanted and "tokenizer" not in found.facts:
        notes.append(f"texts are read as bytes, not as the {own - 1} pieces of {experiment.name}")
    return with_encoder(experiment, vocabulary=wanted), notes
