"""Masked language modelling (Devlin et al., 2019) on variants of the GB1 domain.

Command: jssl train biology/mlm_gb1 --set data.path=DIR/splits.zip. No published figure.
All variants differ in four of the first 56 residues (39, 40, 41 and 54), so the rest is cut off,
and the features are the tokens at those four.

With the mean of all tokens as features, the benchmark finds no gain over the untrained encoder. On
validation (seed 0) that has a rank
correlation of 0.67, as has a random projection of the four letters to 64 numbers, and the letters
themselves have 0.75; these settings have 0.60. Hiding one of the four alone brings the loss from
3.8 to 2.0, so there is something to learn, but no better features: 0.59, at a rate of 3e-4 0.65,
and with two of the four hidden 0.56.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.sequences import FLIP, PROTEIN
from jssl.encoders.text import SymbolTransformer
from jssl.methods.masked.mlm import MaskedLM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskedLM(),
        encoder=SymbolTransformer(
            width=64, depth=3, heads=4, vocabulary=len(PROTEIN) + 1, sites=(38, 39, 40, 53)
        ),
        data=FLIP("splits.zip", "three_vs_rest", length=56),
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
