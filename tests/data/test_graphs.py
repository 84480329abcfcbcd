import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jssl.data.graphs import MOTIFS, TU, CitationGraph, Motifs
from jssl.errors import UserError


def test_tu_files_become_padded_graphs(tmp_path):
    count = 10
    owner = np.repeat(np.arange(1, count + 1), 3)
    edges = []
    for graph in range(count):
        a = 3 * graph + 1
        edges += [(a, a + 1), (a + 1, a), (a + 1, a + 2), (a + 2, a + 1)][: 4 - 2 * (graph % 2)]
    np.savetxt(tmp_path / "T_A.txt", edges, fmt="%d", delimiter=", ")
    np.savetxt(tmp_path / "T_graph_indicator.txt", owner, fmt="%d")
    np.savetxt(tmp_path / "T_graph_labels.txt", [-1, 1] * 5, fmt="%d")
    np.savetxt(tmp_path / "T_node_labels.txt", [4, 7, 4] * count, fmt="%d")
    splits = TU(str(tmp_path), name="T", fraction=0.2).load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [6, 2, 2]
    assert splits.classes == ("-1", "1")
    for graph in (splits.train[0], splits.train[1], splits.test[0]):
        odd = graph["label"] == 1
        assert graph["graph/edge_mask"].sum() == (2 if odd else 4)
        real = graph["graph/edges"][graph["graph/edge_mask"]]
        wanted = [(0, 1), (1, 0), (1, 2), (2, 1)][: len(real)]
        assert {tuple(e) for e in real} == set(wanted)
        np.testing.assert_array_equal(graph["graph/nodes"], [[1, 0], [0, 1], [1, 0]])
    (tmp_path / "T_node_labels.txt").unlink()
    assert TU(str(tmp_path), name="T", fraction=0.2).load().train[0]["graph/nodes"].shape[1] == 3
    with pytest.raises(UserError, match="no file"):
        TU(str(tmp_path), name="U").load()


def test_a_citation_graph_has_its_public_split(tmp_path):
    adjacency = csr_matrix(np.asarray([[0, 1, 0], [0, 0, 1], [0, 0, 1]]))
    features = csr_matrix(np.asarray([[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]]))
    arrays = {"labels": [1, 0, 1], "train": [2], "validation": [0], "test": [1]}
    for kind, matrix in (("adj", adjacency), ("attr", features)):
        for part in ("data", "indices", "indptr", "shape"):
            arrays[f"{kind}_{part}"] = getattr(matrix, part)
    np.savez(tmp_path / "c.npz", **arrays)
    example = CitationGraph(str(tmp_path / "c.npz")).load().test[0]
    assert {tuple(e) for e in example["graph/edges"]} == {(0, 1), (1, 0), (1, 2), (2, 1)}
    np.testing.assert_array_equal(example["graph/nodes"], [[0.5, 0.5], [0, 1], [0, 0]])
    np.testing.assert_array_equal(example["node_split"], [1, 2, 0])
    np.savez(tmp_path / "d.npz", labels=[1])
    with pytest.raises(UserError, match="lacks the arrays adj_data"):
        CitationGraph(str(tmp_path / "d.npz")).load()


def test_motifs_are_planted_and_begin_with_the_smaller_set():
    few, more = Motifs(train=8).load().train[:], Motifs(train=16).load().train[:]
    for key, value in few.items():
        np.testing.assert_array_equal(value, more[key][:8])
    nodes, links = more["graph/node_mask"].sum(1), more["graph/edge_mask"].sum(1) // 2
    more_links = links - (nodes - 1)  # over those of a tree
    wanted = {"cycle": 1, "clique": 6, "star": 0, "path": 0}
    for label, extra in zip(more["label"], more_links, strict=True):
        assert extra == wanted[MOTIFS[label]]
