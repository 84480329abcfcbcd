"""VICReg (Bardes et al., 2022) on Adult with corrupted columns, as in SCARF (Bahri et al., 2022).

Command: jssl train tabular/vicreg_adult --set data.train=DIR/adult.data
data.test=DIR/adult.test. No published figure for this encoder.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.tables import corrupt_columns
from jssl.config.experiment import Experiment
from jssl.data.tables import Table
from jssl.encoders.table import TableTransformer
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer

ADULT = (0, 9, 0, 17, 0, 8, 15, 7, 6, 3, 0, 0, 0, 42)  # categories of each column


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(hidden=(256,), out=256),
        encoder=TableTransformer(width=32, depth=2, heads=4, categories=ADULT),
        data=Table("adult.data", "adult.test", header=False, categories=ADULT),
        views=Views(
            a=pipeline(field="row"),
            b=pipeline(field="row"),
            batch=(partial(corrupt_columns, names=("b",), rate=0.6),),
        ),
        preprocess=pipeline(field="row"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=6,
    )
