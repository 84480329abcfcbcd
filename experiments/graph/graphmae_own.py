"""GraphMAE (Hou et al., 2022) on one's own graphs, or on the nodes of one graph.

Command: jssl train graph/graphmae_own --data DIR, a folder in the form of the TU collection, or an
`.npz` of edges. The method that gained most on the nodes of a graph (docs/modalities.md). No
published figure for these settings.
"""

import dataclasses

from jssl.experiments.graph import graphmae_tu

from jssl.config.experiment import Experiment
from jssl.data.graph_source import GraphSource


def get_experiment() -> Experiment:
    base = graphmae_tu.get_experiment()
    return dataclasses.replace(base, data=GraphSource("graphs"), expected=())
