"""TransTab's self-supervised partitions (Wang & Sun, 2022) on procedural rows.

Command: jssl train tabular/transtab_factors. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.tables import partition_columns
from jssl.data.cells import Described
from jssl.data.tables import Factors
from jssl.encoders.cells import CellTransformer
from jssl.experiment import Experiment
from jssl.methods.contrastive.transtab import TransTab
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=TransTab(temperature=0.1, out=64),
        encoder=CellTransformer(width=32, depth=2, heads=4, mlp_ratio=2.0, pool="mean"),
        data=Described(Factors()),
        views=Views(
            views=repeat(pipeline(field="cells"), 3),
            batch=(partial(partition_columns, columns=12, overlap=0.5),),
        ),
        preprocess=pipeline(field="cells"),
        optimizer=Optimizer(
            "adamw", learning_rate=3e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )
