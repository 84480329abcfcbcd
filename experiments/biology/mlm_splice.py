"""Masked language modelling (Devlin et al., 2019) on UCI's splice junctions.

Command: jssl train biology/mlm_splice --set
data.train=DIR/splice.data. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.sequences import DNA, Sequences
from jssl.encoders.text import SymbolTransformer
from jssl.methods.masked.mlm import MaskedLM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskedLM(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, vocabulary=len(DNA) + 1),
        data=Sequences("splice.data", label="class", length=60),
        views=Views(
            sequence=pipeline(field="sequence"),
            mask=partial(symbol_mask, ratio=0.15, field="sequence"),
        ),
        preprocess=pipeline(field="sequence"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
