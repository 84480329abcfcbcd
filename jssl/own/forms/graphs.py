"""Graphs: a folder of the TU form, or an `.npz` of edges."""

from __future__ import annotations

from pathlib import Path

from jssl.data.graph_source import GraphSource, tu_name
from jssl.own.form import Form, Found, OwnOptions, thousands
from jssl.own.peek import array_names
from jssl.own.tally import tallied

_EDGES = {"edges", "edge_index", "edges_directed"}


def matches(path: Path) -> bool:
    """Whether it is a folder with `NAME_A.txt`, or an `.npz` with edges."""
    if path.is_dir():
        return tu_name(path) is not None
    return bool(array_names(path) & _EDGES)


def open_graphs(path: Path, options: OwnOptions) -> Found:
    """Reads one graph or several."""
    data = GraphSource(str(path), label=options.label, split=options.rule())
    splits = data.load()
    example = splits.train[0]
    nodes, features = example["graph/nodes"].shape
    facts = {"features": features, "single": splits.train is splits.test}
    if splits.train is not splits.test:
        details = f"up to {nodes} nodes with {features} features"
        return tallied("graph", "graphs", data, splits, details=details, facts=facts)
    edges = int(example["graph/edge_mask"].sum())
    labels = "no labels"
    if splits.classes:
        split = example["node_split"]
        held = [thousands(int((split == k).sum())) for k in (1, 2)]
        labels = (
            f"{len(splits.classes)} classes of nodes; {held[0]} nodes set aside for validation, "
            f"{held[1]} for the test"
        )
    line = (
        f"one graph of {thousands(nodes)} nodes with {features} features and {thousands(edges)} "
        f"edges, {labels}"
    )
    return Found("graph", "", "", data, line, facts, splits.classes, 1)


FORMS = (Form("graphs", "graph", "graphs", matches, open_graphs, priority=9),)
