"""Swapped language modelling (Di Liello, 2023) on procedural phrases, byte by byte.

Command: jssl train text/slm_phrases. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import swap_mask
from jssl.data.text import Phrases
from jssl.encoders.text import SymbolTransformer
from jssl.experiment import Experiment
from jssl.methods.masked.slm import SwappedLM
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SwappedLM(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4),
        data=Phrases(),
        views=Views(text=pipeline(field="text"), mask=partial(swap_mask, ratio=0.15)),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=10,
    )
