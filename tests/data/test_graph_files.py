"""Graphs from files: edges within their graph, attributes read or named, splits disjoint."""

import logging

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jssl.data import notes
from jssl.data.graphs import TU, CitationGraph
from jssl.errors import UserError

FILES = {
    "A": "1, 2\n2, 1\n4, 5\n5, 4\n",
    "graph_indicator": "1\n1\n1\n2\n2\n3\n",
    "graph_labels": "1\n-1\n1\n",
    "node_labels": "0\n7\n0\n0\n7\n7\n",
}


def tu(folder, changes=None, **options):
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for kind, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            (folder / f"T_{kind}.txt").write_text(text)
    splits = TU(str(folder), "T", fraction=0.34, **options).load()
    return [part[k] for part in (splits.train, splits.validation, splits.test) for k in range(1)]


def shapes(graphs):
    """Of each graph its nodes, its edges and its label, in one order."""
    out = []
    for graph in graphs:
        nodes = graph["graph/nodes"][graph["graph/node_mask"]]
        edges = graph["graph/edges"][graph["graph/edge_mask"]]
        out.append((nodes.tolist(), edges.tolist(), int(graph["label"])))
    return sorted(out)


def test_nodes_may_stand_in_any_order(tmp_path):
    plain = shapes(tu(tmp_path / "a"))
    assert plain == [
        ([[0, 1]], [], 1),
        ([[1, 0], [0, 1]], [[0, 1], [1, 0]], 0),
        ([[1, 0], [0, 1], [1, 0]], [[0, 1], [1, 0]], 1),
    ]
    mixed = {  # nodes 4 5 6 1 2 3 of the plain files
        "A": "4, 5\n5, 4\n1, 2\n2, 1\n",
        "graph_indicator": "2\n2\n3\n1\n1\n1\n",
        "node_labels": "0\n7\n7\n0\n7\n0\n",
    }
    assert shapes(tu(tmp_path / "b", mixed)) == plain
    marked = {kind: "\ufeff" + text for kind, text in FILES.items()}
    assert shapes(tu(tmp_path / "c", marked)) == plain


def test_attributes_are_read_or_named(tmp_path):
    six = "0.5, 1\n" * 5 + "2, 3\n"
    one = tu(tmp_path, {"node_attributes": six})
    assert one[0]["graph/nodes"].shape[1] == 4
    last = next(nodes for nodes, edges, _ in shapes(one) if not edges)
    assert last == [[0, 1, 2, 3]]
    assert (
        tu(tmp_path, {"node_attributes": six}, ignore=("node_attributes",))[0]["graph/nodes"].shape[
            1
        ]
        == 2
    )
    alone = tu(tmp_path, {"node_attributes": six, "node_labels": None})
    assert alone[0]["graph/nodes"].shape[1] == 2
    for kind in ("edge_labels", "edge_attributes", "graph_attributes"):
        with pytest.raises(UserError, match=rf"T_{kind}.*set ignore=\('{kind}',\)"):
            tu(tmp_path, {kind: "1\n"})
        assert len(tu(tmp_path, {kind: "1\n"}, ignore=(kind,))) == 3
    with pytest.raises(UserError, match="ignore names 'edges'"):
        tu(tmp_path, ignore=("edges",))


def test_graphs_without_edges_are_counted_once(tmp_path, caplog):
    notes.note.cache_clear()
    with caplog.at_level(logging.WARNING):
        tu(tmp_path)
    assert "1 of 3 graphs have no edges (graph 3)" in caplog.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"A": "1, 2\n2, 4\n"}, "row 2: the edge from node 2 to 4 leads from graph 1 to 2"),
        ({"A": "1, 2\n2, 7\n"}, "row 2: the edge from node 2 to 7 leaves the nodes 1 to 6"),
        ({"A": "0, 1\n"}, "row 1: the edge from node 0 to 1 leaves"),
        ({"A": "1, 2, 9\n2, 1, 9\n"}, "has 3 columns; an edge is two numbers"),
        ({"A": ""}, "has no edges"),
        ({"A": "1, x\n"}, "T_A.txt is not a table of whole numbers"),
        ({"A": "1, 1_0\n"}, "T_A.txt is not a table of whole numbers"),
        ({"A": "1, 2\n2\n"}, "T_A.txt is not a table of whole numbers"),
        ({"graph_indicator": "1\n1\n1\n2\n2\n4\n"}, "row 6: the node belongs to graph 4"),
        ({"graph_indicator": "1\n1\n1\n2\n2\n2\n"}, "no node belongs to graph 3"),
        ({"graph_indicator": "0\n1\n1\n2\n2\n3\n"}, "row 1: the node belongs to graph 0"),
        ({"node_labels": "0\n" * 7}, "has 7 rows, and there are 6 nodes"),
        ({"node_attributes": "1\n" * 5}, "has 5 rows, and there are 6 nodes"),
        ({"node_attributes": "1\n" * 5 + "nan\n"}, r"missing number \(NaN\) at row 6, column 1"),
        ({"node_attributes": "1\n" * 5 + "1e39\n"}, r"1e\+39 at row 6, column 1"),
        ({"graph_labels": "1\n\nnan\n"}, "graph_labels.txt is not a table of whole numbers"),
        ({"graph_labels": None}, "there is no file"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        tu(tmp_path, changes)


def citations(path, **changes):
    adjacency = csr_matrix(np.asarray([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0.0]]))
    features = csr_matrix(np.asarray([[1.0, 1], [0, 2], [0, 0], [3, 0]]))
    arrays = {"labels": [1, 0, 1, -1], "train": [2], "validation": [0], "test": [1]}
    for kind, matrix in (("adj", adjacency), ("attr", features)):
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{kind}_{part}"] = getattr(matrix, part)
    np.savez(path, **{**arrays, **changes})
    return CitationGraph(str(path)).load().test[0]


def test_splits_may_be_masks_and_labels_large(tmp_path):
    mask = {"train": [False, False, True, False]}
    one = citations(tmp_path / "c.npz", **mask, labels=np.asarray([2**32 + 1, 1, 7, -1]))
    np.testing.assert_array_equal(one["node_split"], [1, 2, 0, -1])
    np.testing.assert_array_equal(one["node_label"], [2, 0, 1, -1])
    np.testing.assert_array_equal(one["graph/nodes"], [[0.5, 0.5], [0, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train": [0]}, "node 0 is in train and in validation"),
        ({"train": [4]}, "the split train names node 4, and nodes are 0 to 3"),
        ({"train": [-1]}, "the split train names node -1"),
        ({"train": [2, 2]}, "the split train names node 2 twice"),
        ({"train": [3]}, "node 3 of train has no label"),
        ({"train": [2.0]}, "must be numbers of nodes or a mask of 4"),
        ({"train": np.zeros(0, int)}, "must be numbers of nodes or a mask of 4"),
        ({"labels": [1, 0, 1]}, r"are of 4 nodes, .* the labels are \[3\]"),
        ({"labels": [1, 0, 1, np.nan]}, "labels must be whole numbers"),
        ({"adj_indices": [1, 9]}, "the arrays adj_... are no sparse matrix"),
        ({"adj_indices": [1, -2]}, "the arrays adj_... are no sparse matrix"),
        ({"adj_indptr": [0, 1, 5, 2, 2]}, "the arrays adj_... are no sparse matrix"),
        ({"adj_shape": [5, 4]}, "the arrays adj_... are no sparse matrix"),
        ({"adj_data": [1.0, np.nan]}, r"missing number \(NaN\) at the edge from node 1 to 2"),
        ({"adj_data": [1.0, -1.0]}, "has negative weights"),
        ({"attr_data": [1.0, 1.0, np.inf, 3.0]}, "the number inf at node 1, feature 1"),
        ({"attr_data": [1.0, 1.0, 1e39, 3.0]}, r"the number 1e\+39 at node 1, feature 1"),
        ({"attr_data": [1.0, -1.0, 2.0, 3.0]}, "has negative features"),
        ({"attr_data": list("abcd")}, "attr_data must be numbers"),
        ({"attr_shape": [4, 2**33]}, "which a damaged file does too"),
    ],
)
def test_a_citation_graph_that_does_not_fit_is_refused(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        citations(tmp_path / "c.npz", **changes)
