"""Reads and validates graphs from files; attributes that are not read must be named."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.checks import finite, measurable
from jssl.data.notes import note, shown
from jssl.data.npz import read_npz
from jssl.data.text_files import read_text
from jssl.errors import UserError

TU_EXTRAS = ("node_labels", "node_attributes", "edge_labels", "edge_attributes", "graph_attributes")
"""Files of a TU set beside the three that each has; encoders read the first two."""
_READ = TU_EXTRAS[:2]
_DEGREES = 20  # the highest degree that nodes without labels show


def read_tu(
    folder: Path, name: str, ignore: tuple[str, ...] = (), *, labelled: bool = True
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray | None]:
    """Reads a data set of the TU collection.

    Args:
      folder: that holds the files.
      name: of the data set.
      ignore: which of `TU_EXTRAS` are ignored although the folder has them.
      labelled: whether graphs have labels; without, graphs are counted by their nodes.

    Returns:
      (features of the nodes of each graph, float32 [n, F]; its edges int64 [e, 2] between its own
      nodes; labels of the graphs, int64 [G], or None).

    Raises:
      UserError: a file is missing or holds something else; files differ in length; an edge leaves
        its graph, a node belongs to none, or a graph has no nodes; an attribute is not finite; or
        the folder has attributes that no encoder reads and that are not in `ignore`.
    """
    unknown = sorted(set(ignore) - set(TU_EXTRAS))
    if unknown:
        raise UserError(f"ignore names {unknown[0]!r}, and may name {', '.join(TU_EXTRAS)}")

    def path(kind: str) -> Path:
        return folder / f"{name}_{kind}.txt"

    extras = [kind for kind in TU_EXTRAS if path(kind).exists() and kind not in ignore]
    refused = [kind for kind in extras if kind not in _READ]
    if refused:
        raise UserError(
            f"{path(refused[0])}: {refused[0]} are not read by any encoder; to go on without them, "
            f"set ignore={(*ignore, *refused)!r}"
        )
    owner = _one_column(path("graph_indicator")) - 1
    label = _one_column(path("graph_labels")) if labelled else None
    count = int(owner.max(initial=-1)) + 1 if label is None else len(label)
    edges = _numbers(path("A"), np.int64)
    if edges.shape[1] != 2:
        raise UserError(
            f"{path('A')} has {edges.shape[1]} columns; an edge is two numbers of nodes"
        )
    edges = edges - 1
    _check_owner(owner, count, path)
    _check_edges(edges, owner, path("A"))
    features = _features(edges, len(owner), extras, path)
    return *by_graph(features, edges, owner, count, str(path("A"))), label


def by_graph(
    features: np.ndarray, edges: np.ndarray, owner: np.ndarray, count: int, where: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Takes several graphs apart, which are kept as one.

    Args:
      features: [N, F], of all nodes.
      edges: int64 [E, 2], between nodes of one graph.
      owner: int64 [N], the graph of each node.
      count: of the graphs.
      where: what holds them, for a note about graphs without edges.

    Returns:
      (features of each graph's nodes, edges of each graph between its own nodes).
    """
    # Nodes are put in the order of their graphs, in which most files have them already.
    order = np.argsort(owner, kind="stable")
    number = np.empty(len(owner), np.int64)
    number[order] = np.arange(len(owner))
    owner, features, edges = owner[order], features[order], number[edges]
    bounds = np.searchsorted(owner, np.arange(count + 1))
    home = owner[edges[:, 0]]
    sorted_edges = np.argsort(home, kind="stable")
    cuts = np.searchsorted(home[sorted_edges], np.arange(count + 1))
    alone = [f"graph {g + 1}" for g in np.flatnonzero(np.diff(cuts) == 0)]
    if alone:
        note(f"{where}: {len(alone)} of {count} graphs have no edges ({shown(alone)})")
    graphs = range(count)
    nodes = [features[bounds[g] : bounds[g + 1]] for g in graphs]
    links = [edges[sorted_edges[cuts[g] : cuts[g + 1]]] - bounds[g] for g in graphs]
    return nodes, links


def _check_owner(owner: np.ndarray, graphs: int, path: Any) -> None:
    where = path("graph_indicator")
    outside = np.flatnonzero((owner < 0) | (owner >= graphs))
    if outside.size:
        raise UserError(
            f"{where}, row {outside[0] + 1}: the node belongs to graph {owner[outside[0]] + 1}, "
            f"and {path('graph_labels').name} has {graphs} graphs"
        )
    bare = np.flatnonzero(np.bincount(owner, minlength=graphs) == 0)
    if bare.size:
        raise UserError(
            f"{where}: no node belongs to graph {bare[0] + 1} ({bare.size} graphs without nodes)"
        )


def _check_edges(edges: np.ndarray, owner: np.ndarray, where: Path) -> None:
    if not len(edges):
        raise UserError(f"{where} has no edges")
    outside = np.flatnonzero(((edges < 0) | (edges >= len(owner))).any(axis=1))
    if outside.size:
        a, b = edges[outside[0]] + 1
        raise UserError(
            f"{where}, row {outside[0] + 1}: the edge from node {a} to {b} leaves the nodes 1 to "
            f"{len(owner)}"
        )
    across = np.flatnonzero(owner[edges[:, 0]] != owner[edges[:, 1]])
    if across.size:
        a, b = edges[across[0]]
        raise UserError(
            f"{where}, row {across[0] + 1}: the edge from node {a + 1} to {b + 1} leads from graph "
            f"{owner[a] + 1} to {owner[b] + 1} ({across.size} such edges)"
        )


def _features(edges: np.ndarray, nodes: int, extras: list[str], path: Any) -> np.ndarray:
    """float32 [nodes, F]: labels or degrees one-hot, then the attributes."""
    parts = []
    if "node_labels" in extras:
        kinds = _numbers(path("node_labels"), np.int64)
        _check_rows(kinds, nodes, path("node_labels"))
    else:
        kinds = capped_degrees(edges, nodes)[:, None]
    if "node_labels" in extras or "node_attributes" not in extras:
        for column in kinds.T:
            values, codes = np.unique(column, return_inverse=True)
            parts.append(np.eye(len(values), dtype=np.float32)[codes])
    if "node_attributes" in extras:
        where = path("node_attributes")
        found = _numbers(where, np.float64)
        _check_rows(found, nodes, where)
        finite(found, str(where))
        measurable(found, str(where))
        parts.append(found.astype(np.float32))
    return np.concatenate(parts, axis=1)


def capped_degrees(edges: np.ndarray, nodes: int) -> np.ndarray:
    """The number of edges from each node, up to 20, as features of nodes that have no others."""
    return np.minimum(np.bincount(edges[:, 0], minlength=nodes), _DEGREES)


def _check_rows(table: np.ndarray, nodes: int, where: Path) -> None:
    if len(table) != nodes:
        raise UserError(f"{where} has {len(table)} rows, and there are {nodes} nodes")


def _one_column(path: Path) -> np.ndarray:
    found = _numbers(path, np.int64)
    if not len(found) or found.shape[1] != 1:
        raise UserError(f"{path} must have one number a row, not {found.shape[1]} columns")
    return found[:, 0]


def _numbers(path: Path, dtype: type) -> np.ndarray:
    """Comma-separated numbers as an array [N, C]."""
    text = read_text(path)
    kind = "whole numbers" if dtype is np.int64 else "numbers"
    if not text.strip():
        return np.zeros((0, 2 if path.stem.endswith("_A") else 1), dtype)
    try:
        if "_" in text:  # which NumPy reads as a part of a number
            raise ValueError("an underscore")
        return np.loadtxt(io.StringIO(text), dtype=dtype, delimiter=",", ndmin=2, comments=None)
    except (ValueError, OverflowError) as error:
        reason = str(error).split(";")[0].rstrip(".")
        raise UserError(f"{path} is not a table of {kind} ({reason})") from None


def read_citations(path: Path) -> dict[str, Any]:
    """What `jssl.data.planetoid.read_planetoid` returns, from an `.npz` file.

    Raises:
      UserError: the file lacks an array, or an array of a sparse matrix does not fit the others.
    """
    from scipy.sparse import csr_matrix

    found = read_npz(path)
    parts = ("data", "indices", "indptr", "shape")
    wanted = [f"{kind}_{part}" for kind in ("adj", "attr") for part in parts]
    wanted += ["labels", "train", "validation", "test"]
    lacking = [key for key in wanted if key not in found]
    if lacking:
        raise UserError(f"{path} lacks the arrays {', '.join(lacking)}")
    for name, kind in (("adjacency", "adj"), ("features", "attr")):
        data, indices, indptr, shape = (found[f"{kind}_{part}"] for part in parts)
        for part, array in (("indices", indices), ("indptr", indptr), ("shape", shape)):
            if array.dtype.kind not in "iu" or array.ndim != 1:
                raise UserError(f"{path}: {kind}_{part} must be whole numbers in one row")
        if data.dtype.kind not in "iufb":
            raise UserError(f"{path}: {kind}_data must be numbers, not {data.dtype}")
        try:
            matrix = csr_matrix((data, indices, indptr), tuple(map(int, shape)))
            matrix.check_format(full_check=True)
        except (ValueError, TypeError, IndexError) as error:
            raise UserError(
                f"{path}: the arrays {kind}_... are no sparse matrix ({error})"
            ) from None
        found[name] = matrix
    return found


def check_citations(found: dict[str, Any], where: str) -> dict[str, Any]:
    """Checks one graph with labels and splits of its nodes.

    Args:
      found: adjacency sparse [N, N], features sparse [N, F], labels whole numbers [N] (-1 where
        there is none); train, validation and test, numbers of nodes or bool [N].
      where: what holds it, for messages.

    Returns:
      The same, splits as numbers of nodes, int64.

    Raises:
      UserError: sizes differ; a weight or feature is not finite, or a weight is negative; a split
        is empty, leaves the graph, names a node twice or shares one with another; or a node of a
        split has no label.
    """
    size = found["features"].shape[0]
    labels = np.asarray(found["labels"])
    if found["adjacency"].shape != (size, size) or labels.shape != (size,):
        raise UserError(
            f"{where}: the features are of {size} nodes, the adjacency is "
            f"{list(found['adjacency'].shape)} and the labels are {list(labels.shape)}"
        )
    if labels.dtype.kind not in "iu" or labels.min(initial=0) < -1:
        raise UserError(f"{where}: labels must be whole numbers from 0 up, or -1 for none")
    features = found["features"].tocoo()
    finite(
        features.data,
        f"{where}: the features",
        lambda i: f"node {features.row[i[0]]}, feature {features.col[i[0]]}",
    )
    measurable(features.data, f"{where}: the features")
    edges = found["adjacency"].tocoo()
    finite(
        edges.data,
        f"{where}: the adjacency",
        lambda i: f"the edge from node {edges.row[i[0]]} to {edges.col[i[0]]}",
    )
    if edges.data.min(initial=0) < 0:
        raise UserError(f"{where}: the adjacency has negative weights; edges have positive ones")
    taken = np.full(size, -1)
    names = ("train", "validation", "test")
    checked = {}
    for number, part in enumerate(names):
        nodes = _nodes(np.asarray(found[part]), size, f"{where}: the split {part}")
        common = nodes[taken[nodes] >= 0]
        if common.size:
            raise UserError(
                f"{where}: node {common[0]} is in {names[taken[common[0]]]} and in {part} "
                f"({common.size} such nodes); splits must be disjoint"
            )
        bare = nodes[labels[nodes] < 0]
        if bare.size:
            raise UserError(f"{where}: node {bare[0]} of {part} has no label ({bare.size} in all)")
        taken[nodes] = number
        checked[part] = nodes
    return {**found, **checked}


def _nodes(chosen: np.ndarray, size: int, where: str) -> np.ndarray:
    if chosen.dtype == bool and chosen.shape == (size,):
        chosen = np.flatnonzero(chosen)
    if chosen.dtype.kind not in "iu" or chosen.ndim != 1 or not chosen.size:
        raise UserError(
            f"{where} must be numbers of nodes or a mask of {size}, and not {chosen.dtype} "
            f"{list(chosen.shape)}"
        )
    outside = chosen[(chosen < 0) | (chosen >= size)]
    if outside.size:
        raise UserError(f"{where} names node {outside[0]}, and nodes are 0 to {size - 1}")
    values, counts = np.unique(chosen, return_counts=True)
    if counts.max() > 1:
        raise UserError(f"{where} names node {values[counts.argmax()]} twice")
    return chosen.astype(np.int64)
