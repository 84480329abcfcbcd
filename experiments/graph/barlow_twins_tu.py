"""Barlow Twins (Zbontar et al., 2021) on a set of the TU collection.

Command: jssl train graph/barlow_twins_tu --set data.folder=DIR/PROTEINS. No published figure.
"""

from jssl.augmentations.compose import pipeline
from jssl.augmentations.graphs import graph_views
from jssl.config.experiment import Experiment
from jssl.data.graphs import TU
from jssl.encoders.graph import GNN
from jssl.methods.redundancy.barlow_twins import BarlowTwins
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BarlowTwins(hidden=(128,), out=128),
        encoder=GNN("gin", width=64, depth=3),
        data=TU("PROTEINS", ignore=("node_attributes",)),
        views=graph_views(),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.0
        ),
        batch_size=64,
        epochs=20,
    )
