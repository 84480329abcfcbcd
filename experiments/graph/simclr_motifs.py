"""SimCLR (Chen et al., 2020) on procedural graphs with nodes and edges dropped (GraphCL).

Command: jssl train graph/simclr_motifs. No published figure.
"""

from jssl.augmentations.compose import pipeline
from jssl.augmentations.graphs import graph_views
from jssl.data.graphs import Motifs
from jssl.encoders.graph import GNN
from jssl.experiment import Experiment
from jssl.methods.contrastive.simclr import SimCLR
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(64,), out=32),
        encoder=GNN("gin", width=32, depth=3),
        data=Motifs(),
        views=graph_views(),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.0
        ),
        batch_size=64,
        epochs=20,
    )
