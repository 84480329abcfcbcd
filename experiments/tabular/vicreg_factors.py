"""VICReg (Bardes et al., 2022) on procedural rows with corrupted columns (SCARF).

Command: jssl train tabular/vicreg_factors. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.tables import corrupt_columns
from jssl.data.tables import Factors
from jssl.encoders.table import TableTransformer
from jssl.experiment import Experiment
from jssl.methods.redundancy.vicreg import VICReg
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(hidden=(256,), out=256),
        encoder=TableTransformer(width=32, depth=2, heads=4, categories=Factors.CATEGORIES),
        data=Factors(),
        views=Views(
            a=pipeline(field="row"),
            b=pipeline(field="row"),
            batch=(partial(corrupt_columns, names=("b",), rate=0.6),),
        ),
        preprocess=pipeline(field="row"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )
