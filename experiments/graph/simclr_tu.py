"""SimCLR (Chen et al., 2020) on a set of the TU collection, views as in GraphCL.

Command: jssl train graph/simclr_tu --set data.folder=DIR/PROTEINS. GraphCL (You et al., 2020)
reports 74.4 on PROTEINS (table 4), by a support-vector machine and ten folds.
"""

from jssl.augmentations.compose import pipeline
from jssl.augmentations.graphs import graph_views
from jssl.config.experiment import Experiment
from jssl.data.graphs import TU
from jssl.encoders.graph import GNN
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(64,), out=32),
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
