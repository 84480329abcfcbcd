"""SelfTask's pretext tasks (Jin et al., 2020) on Cora: a graph convolution of width 256.

Command: jssl train graph/self_task_cora --set data.path=DIR/cora.npz (or DIR/ind.cora, as it was
published). Then: jssl evaluate RUN --protocol nodes. No published figure: the paper's are of
networks that are trained on the labels at the same time.

PairwiseDistance is learnt alone, one task at a time as in the paper: 77.2 % of the validation nodes
after 100 steps, where the untrained encoder has 63.8 % (one seed). With all three tasks it was
54.2 %: features divided by their sum are so small that their error, divided by their size, drowns
the others.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import node_mask, node_pairs
from jssl.config.experiment import Experiment
from jssl.data.graphs import CitationGraph
from jssl.encoders.graph import GNN
from jssl.methods.pretext.self_task import SelfTask
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SelfTask(similarity=0.0, attributes=0.0),
        encoder=GNN("gcn", width=256, depth=2),
        data=CitationGraph("cora.npz"),
        views=Views(
            graph=pipeline(field="graph"),
            mask=partial(node_mask, ratio=0.1),
            target=partial(node_pairs, each=200),
        ),
        preprocess=pipeline(field="graph"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=2e-4
        ),
        batch_size=1,
        epochs=100,
    )
