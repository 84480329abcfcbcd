"""SimCLR (Chen et al., 2020) on variants of the GB1 domain: letters redrawn, stretches blanked.

Command: jssl train biology/simclr_gb1 --set data.path=DIR/splits.zip. No published figure.
All variants differ in four of the first 56 residues, so the rest is cut off.

The benchmark finds no gain over the untrained encoder, whose rank correlation on validation is 0.67
(seed 0, as all here). Without blanks, in 10 epochs, redrawing 2, 5 or 30 % of the letters leaves
0.63, 0.58 or 0.62; blanks of 2 to 5 % and nothing redrawn leave 0.58.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import blank_symbols, replace_symbols
from jssl.config.experiment import Experiment
from jssl.data.sequences import FLIP, PROTEIN
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    size = len(PROTEIN)
    one = pipeline(
        partial(replace_symbols, vocabulary=size, rate=0.1),
        partial(blank_symbols, symbol=size),
        field="sequence",
    )
    return Experiment(
        method=SimCLR(temperature=0.1, hidden=(128,), out=64),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, vocabulary=size + 1),
        data=FLIP("splits.zip", "three_vs_rest", length=56),
        views=Views(a=one, b=one),
        preprocess=pipeline(field="sequence"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
