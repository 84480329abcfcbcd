"""TransTab's self-supervised partitions (Wang & Sun, 2022) on Adult.

Command: jssl train tabular/transtab_adult --set data.table.train=DIR/adult.data
data.table.test=DIR/adult.test. No published figure for a frozen encoder. Temperature, pooling and
learning rate were chosen on the validation split, in runs of two epochs.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.tables import partition_columns
from jssl.config.experiment import Experiment
from jssl.data.cells import Described
from jssl.data.tables import Table
from jssl.encoders.cells import CellTransformer
from jssl.methods.contrastive.transtab import TransTab
from jssl.training.optim import Optimizer

ADULT = (0, 9, 0, 17, 0, 8, 15, 7, 6, 3, 0, 0, 0, 42)  # categories of each column
NAMES = (  # of `adult.names`, in words
    *("age", "work class", "final weight", "education", "education years", "marital status"),
    *("occupation", "relationship", "race", "sex", "capital gain", "capital loss"),
    *("hours per week", "native country"),
)


def get_experiment() -> Experiment:
    return Experiment(
        method=TransTab(temperature=0.1, out=64),
        encoder=CellTransformer(width=32, depth=2, heads=4, mlp_ratio=2.0, pool="mean"),
        data=Described(
            Table("adult.data", "adult.test", header=False, categories=ADULT), names=NAMES
        ),
        views=Views(
            views=repeat(pipeline(field="cells"), 3),
            batch=(partial(partition_columns, columns=14, overlap=0.5),),
        ),
        preprocess=pipeline(field="cells"),
        optimizer=Optimizer(
            "adamw", learning_rate=3e-3, scaling="none", warmup_epochs=0.5, weight_decay=0.01
        ),
        batch_size=256,
        epochs=3,
    )
