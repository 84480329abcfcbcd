"""GraphMAE (Hou et al., 2022) on one's own graphs, or on the nodes of one graph.

Command: jssl train graph/graphmae_own --data DIR, a folder in the form of the TU collection, or an
`.npz` of edges. The method that gained most on the nodes of a graph (docs/modalities.md). No
published figure for these settings.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import node_mask
from jssl.config.experiment import Experiment
from jssl.data.graph_source import GraphSource
from jssl.encoders.graph import GNN
from jssl.methods.masked.graphmae import GraphMAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GraphMAE(gamma=2.0, decoder="gin"),
        encoder=GNN("gin", width=64, depth=3),
        data=GraphSource("graphs"),
        views=Views(graph=pipeline(field="graph"), mask=partial(node_mask, ratio=0.5)),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.0
        ),
        batch_size=32,
        epochs=20,
    )
