"""Methods on procedural graphs, named `graph/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.graphs import graph_views, node_mask, node_pairs
from jssl.config.experiment import Experiment
from jssl.data.graphs import Motifs
from jssl.encoders.graph import GNN
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.graphmae import GraphMAE
from jssl.methods.pretext.self_task import SelfTask
from jssl.training.optim import Optimizer


def _study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
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
    return dataclasses.replace(base, **changes)


def graphmae_motifs() -> Experiment:
    """GraphMAE (Hou et al., 2022) on procedural graphs.

    Command: jssl train graph/graphmae_motifs. No published figure.
    """
    return _study(GraphMAE(gamma=2.0, decoder="gin"))


def self_task_motifs() -> Experiment:
    """SelfTask's pretext tasks (Jin et al., 2020) on procedural graphs.

    Command: jssl train graph/self_task_motifs. No published figure.
    """
    return _study(
        SelfTask(),
        views=Views(
            graph=pipeline(field="graph"),
            mask=partial(node_mask, ratio=0.1),
            target=partial(node_pairs, each=8),
        ),
    )


def simclr_motifs() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural graphs with nodes and edges dropped (GraphCL).

    Command: jssl train graph/simclr_motifs. No published figure.
    """
    return _study(SimCLR(temperature=0.2, hidden=(64,), out=32), views=graph_views())
