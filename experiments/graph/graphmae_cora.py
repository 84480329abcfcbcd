"""GraphMAE (Hou et al., 2022) on Cora, as published: two layers of attention, 1500 steps.

Command: jssl train graph/graphmae_cora --set data.path=DIR/ind.cora (as it was published, or
DIR/cora.npz). Then: jssl evaluate RUN --protocol nodes. The paper reports 84.2 (table 1), the mean
of 20 runs.

The settings are the authors' for Cora (their `configs.yml`): four heads, width 512, PReLU, a
decoder of attention, half of the nodes hidden and 5 % of these replaced, dropout 0.2 of features
and 0.1 of attention, Adam with the weight decay in the gradient, half a cosine. Their probe is
trained for 300 steps and stopped by validation; here it is converged, its strength chosen there.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import node_mask
from jssl.config.experiment import Experiment
from jssl.data.graphs import CitationGraph
from jssl.encoders.graph import GNN
from jssl.methods.masked.graphmae import GraphMAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GraphMAE(decoder="gat", dropout=0.2, attention_dropout=0.1),
        encoder=GNN(
            "gat",
            width=512,
            depth=2,
            heads=4,
            norm=False,
            activation="prelu",
            dropout=0.2,
            attention_dropout=0.1,
        ),
        data=CitationGraph("cora.npz"),
        views=Views(
            graph=pipeline(field="graph"), mask=partial(node_mask, ratio=0.5, replace=0.05)
        ),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adam", learning_rate=1e-3, scaling="none", weight_decay=2e-4, decay_vectors=True
        ),
        batch_size=1,
        epochs=1500,
        expected=(("linear, nodes", 0.842, "Hou et al. 2022, table 1"),),
    )
