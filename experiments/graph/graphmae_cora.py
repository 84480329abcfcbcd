"""GraphMAE (Hou et al., 2022) on Cora: a graph convolution of width 256, 300 steps.

Command: jssl train graph/graphmae_cora --set data.path=DIR/cora.npz. Then: jssl evaluate RUN
--protocol nodes. The paper has attention of width 512 and 1500 steps: 84.2 (table 1).
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import node_mask
from jssl.cli import run_module
from jssl.data.graphs import CitationGraph
from jssl.encoders.graph import GNN
from jssl.experiment import Experiment
from jssl.methods.masked.graphmae import GraphMAE
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GraphMAE(),
        encoder=GNN("gcn", width=256, depth=2, norm=False),
        data=CitationGraph("cora.npz"),
        views=Views(graph=pipeline(field="graph"), mask=partial(node_mask, ratio=0.5)),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=3e-3, scaling="none", warmup_epochs=1, weight_decay=2e-4
        ),
        batch_size=1,
        epochs=300,
        expected=(("linear, nodes", 0.842, "Hou et al. 2022, table 1"),),
    )


if __name__ == "__main__":
    run_module(__spec__)
