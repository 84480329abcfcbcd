"""GraphMAE (Hou et al., 2022) on procedural graphs.

Command: jssl train graph/graphmae_motifs. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import node_mask
from jssl.data.graphs import Motifs
from jssl.encoders.graph import GNN
from jssl.experiment import Experiment
from jssl.methods.masked.graphmae import GraphMAE
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GraphMAE(gamma=2.0, decoder="gin"),
        encoder=GNN("gin", width=32, depth=3),
        data=Motifs(),
        views=Views(graph=pipeline(field="graph"), mask=partial(node_mask, ratio=0.5)),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.0
        ),
        batch_size=64,
        epochs=20,
    )
