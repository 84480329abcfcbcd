"""Masked language modelling (Devlin et al., 2019) on one's own proteins or DNA.

Command: jssl train biology/mlm_own --data FILE, in FASTA or a table with a column `sequence`. The
method that gained most on the project's DNA (docs/modalities.md). No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.sequence_source import SequenceSource
from jssl.data.sequences import DNA
from jssl.encoders.text import SymbolTransformer
from jssl.methods.masked.mlm import MaskedLM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskedLM(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, vocabulary=len(DNA) + 1),
        data=SequenceSource("sequences.fasta"),
        views=Views(
            sequence=pipeline(field="sequence"),
            mask=partial(symbol_mask, ratio=0.15, field="sequence"),
        ),
        preprocess=pipeline(field="sequence"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
