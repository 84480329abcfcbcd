import io
import pickle
from collections import defaultdict
from pathlib import Path
from typing import ClassVar

import chex
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


class Python2(pickle._Pickler):
    """Writes the bytes of arrays as Python 2 did, whose strings they were."""

    def save_bytes(self, content):
        self.write(b"S" + repr(content)[1:].encode() + b"\n")
        self.memoize(content)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, bytes: save_bytes}


def test_planetoid_files_are_read_as_the_npz_is(tmp_path):
    """A graph of 8 nodes: 2 labelled, 3 more, 2 for test, and number 6, which no file has."""
    features = np.asarray([[1, 1], [0, 2], [0, 0], [3, 1], [1, 0], [2, 2], [0, 0], [0, 5.0]])
    labels = np.asarray([1, 0, 1, 2, 0, 2, -1, 1])
    links = {0: [1, 1, 5], 1: [0], 2: [2, 7], 3: [4], 4: [3], 5: [0], 6: [], 7: [2]}
    hot = np.eye(3)[labels] * (labels >= 0)[:, None]
    test = [7, 5]  # in the order of the file
    files = {
        **{"x": csr_matrix(features[:2]), "allx": csr_matrix(features[:5])},
        **{"y": hot[:2], "ally": hot[:5].astype(np.int32), "ty": hot[test]},
        **{"tx": csr_matrix(features[test]), "graph": defaultdict(list, links)},
    }
    start = tmp_path / "ind.tiny"
    for pickler, protocol in ((Python2, 0), (Python2, 2), (pickle.Pickler, 5)):
        for part, content in files.items():
            raw = io.BytesIO()
            pickler(raw, protocol=protocol).dump(content)
            old = raw.getvalue()
            if pickler is Python2:  # and the libraries of its time
                old = old.replace(b"cnumpy._core.", b"cnumpy.core.").replace(b"._csr\n", b".csr\n")
            Path(f"{start}.{part}").write_bytes(old)
        (tmp_path / "ind.tiny.test.index").write_text("7\n5\n")
        found = CitationGraph(str(start)).load()
        adjacency = np.zeros((8, 8))
        for node, others in links.items():
            adjacency[node, others] = 1
        arrays = {"labels": labels, "train": [0, 1], "validation": [2, 3, 4], "test": test}
        for kind, matrix in (("adj", csr_matrix(adjacency)), ("attr", csr_matrix(features))):
            for part in ("data", "indices", "indptr", "shape"):
                arrays[f"{kind}_{part}"] = getattr(matrix, part)
        np.savez(tmp_path / "tiny.npz", **arrays)
        wanted = CitationGraph(str(tmp_path / "tiny.npz")).load()
        assert found.name == wanted.name == "tiny" and found.classes == wanted.classes
        chex.assert_trees_all_equal(found.train[0], wanted.train[0])


def test_a_pickle_that_asks_for_more_is_refused(tmp_path):
    class Bad:
        def __reduce__(self):
            return print, ("it ran",)

    start = tmp_path / "ind.bad"
    for content, words in (
        (pickle.dumps(Bad()), r"asks for builtins\.print, which is no array"),
        (pickle.dumps(np.zeros(3)), "holds a ndarray"),
        (b"no pickle", "is not a file of Planetoid"),
        (pickle.dumps(np.zeros((3, 3)))[:60], "is not a file of Planetoid"),
    ):
        Path(f"{start}.x").write_bytes(content)
        with pytest.raises(UserError, match=words) as caught:
            CitationGraph(str(start)).load()
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"no file .*ind\.none\.x"):
        CitationGraph(str(tmp_path / "ind.none")).load()


def test_motifs_are_planted_and_begin_with_the_smaller_set():
    few, more = Motifs(train=8).load().train[:], Motifs(train=16).load().train[:]
    chex.assert_trees_all_equal(few, {key: value[:8] for key, value in more.items()})
    nodes, links = more["graph/node_mask"].sum(1), more["graph/edge_mask"].sum(1) // 2
    more_links = links - (nodes - 1)  # over those of a tree
    wanted = {"cycle": 1, "clique": 6, "star": 0, "path": 0}
    for label, extra in zip(more["label"], more_links, strict=True):
        assert extra == wanted[MOTIFS[label]]
