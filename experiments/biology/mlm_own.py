"""Masked language modelling (Devlin et al., 2019) on one's own proteins or DNA.

Command: jssl train biology/mlm_own --data FILE, in FASTA or a table with a column `sequence`. The
method that gained most on the project's DNA (docs/modalities.md). No published figure.
"""

import dataclasses

from jssl.experiments.biology import mlm_splice

from jssl.config.experiment import Experiment
from jssl.data.sequence_source import SequenceSource


def get_experiment() -> Experiment:
    base = mlm_splice.get_experiment()
    return dataclasses.replace(base, data=SequenceSource("sequences.fasta"), epochs=5)
