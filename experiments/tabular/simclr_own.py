"""SimCLR (Chen et al., 2020) on one's own table with corrupted columns (SCARF, Bahri et al., 2022).

Command: jssl train tabular/simclr_own --data FILE, a CSV or Parquet file. No published figure for
this encoder.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.tables import corrupt_columns
from jssl.config.experiment import Experiment
from jssl.data.table_file import TableFile
from jssl.data.tables import Factors
from jssl.encoders.table import TableTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=1.0, hidden=(128,), out=64),
        encoder=TableTransformer(width=32, depth=2, heads=4, categories=Factors.CATEGORIES),
        data=TableFile("table.csv"),
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
