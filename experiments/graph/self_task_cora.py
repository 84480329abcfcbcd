"""SelfTask's pretext tasks (Jin et al., 2020) on Cora: a graph convolution of width 256.

Command: jssl train graph/self_task_cora --set data.path=DIR/cora.npz (or DIR/ind.cora, as it was
published). Then: jssl evaluate RUN --protocol nodes. No published figure: the paper's are of
networks that are trained on the labels at the same time.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import node_mask, node_pairs
from jssl.cli import run_module
from jssl.data.graphs import CitationGraph
from jssl.encoders.graph import GNN
from jssl.experiment import Experiment
from jssl.methods.pretext.self_task import SelfTask
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SelfTask(),
        encoder=GNN("gcn", width=256, depth=2, norm=False),
        data=CitationGraph("cora.npz"),
        views=Views(
            graph=pipeline(field="graph"),
            mask=partial(node_mask, ratio=0.1),
            target=partial(node_pairs, each=200),
        ),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=3e-3, scaling="none", warmup_epochs=1, weight_decay=2e-4
        ),
        batch_size=1,
        epochs=300,
    )


if __name__ == "__main__":
    run_module(__spec__)
