"""Methods on sequences with planted motifs, named `biology/FUNCTION`."""

from __future__ import annotations

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import blank_symbols, replace_symbols, symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.sequences import DNA, Planted
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.mlm import MaskedLM
from jssl.training.optim import Optimizer


def mlm_planted() -> Experiment:
    """Masked language modelling (Devlin et al., 2019) on procedural DNA with planted motifs.

    Command: jssl train biology/mlm_planted. No published figure.
    """
    return Experiment(
        method=MaskedLM(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, vocabulary=len(DNA) + 1),
        data=Planted(),
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


def simclr_planted() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural DNA: letters redrawn, stretches blanked.

    Command: jssl train biology/simclr_planted. No published figure.
    """
    size = len(DNA)
    one = pipeline(
        partial(replace_symbols, vocabulary=size, rate=0.1),
        partial(blank_symbols, symbol=size),
        field="sequence",
    )
    return Experiment(
        method=SimCLR(temperature=0.1, hidden=(128,), out=64),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, vocabulary=size + 1),
        data=Planted(),
        views=Views(a=one, b=one),
        preprocess=pipeline(field="sequence"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
