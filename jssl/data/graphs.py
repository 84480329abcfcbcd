"""Graphs: the TU collection, citation graphs with the public splits, and procedural motifs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.arrays import finish
from jssl.data.class_labels import encode_labels
from jssl.data.graph_files import check_citations, read_citations, read_tu
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits
from jssl.errors import UserError

MOTIFS = ("cycle", "clique", "star", "path")
_LARGEST_DENSE = 2**31  # numbers, 8 GiB in float32
_OFFSETS = {"train": 0, "validation": 1 << 20, "test": 1 << 21}


def pad(
    nodes: list[np.ndarray], edges: list[np.ndarray], size: int = 0, links: int = 0
) -> dict[str, np.ndarray]:
    """Pads graphs to arrays of one size.

    Args:
      nodes: of each graph, float [n, F].
      edges: of each graph, int [e, 2]; from, to.
      size: nodes after padding; the largest graph's number if that is more.
      links: edges after padding; likewise.

    Returns:
      "graph/nodes" float32 [G, N, F], "graph/edges" int32 [G, E, 2], "graph/node_mask" bool [G, N]
      and "graph/edge_mask" bool [G, E]; padded edges lead from node 0 to node 0.
    """
    size = max(size, *(len(x) for x in nodes))
    links = max(links, 1, *(len(e) for e in edges))
    out = {
        "graph/nodes": np.zeros((len(nodes), size, nodes[0].shape[1]), np.float32),
        "graph/edges": np.zeros((len(nodes), links, 2), np.int32),
        "graph/node_mask": np.zeros((len(nodes), size), bool),
        "graph/edge_mask": np.zeros((len(nodes), links), bool),
    }
    for i, (x, e) in enumerate(zip(nodes, edges, strict=True)):
        out["graph/nodes"][i, : len(x)] = x
        out["graph/edges"][i, : len(e)] = e
        out["graph/node_mask"][i, : len(x)] = True
        out["graph/edge_mask"][i, : len(e)] = True
    return out


@dataclass(frozen=True)
class TU(Ranged):
    """A data set of the TU collection (Morris et al., 2020): `NAME_A.txt` and related files.

    The features of a node are its one-hot label and its attributes; if a data set has neither, its
    degree up to 20. Labels and attributes of edges, and attributes of graphs, are not read: a data
    set that has them is refused unless `ignore` names them.

    Attributes:
      folder: that holds the files.
      name: of the data set; the folder's own name when None.
      fraction: the part that is carved for validation, and again for test.
      seed: of the carving.
      ignore: what is ignored although the folder has it: "node_labels", "node_attributes",
        "edge_labels", "edge_attributes" or "graph_attributes".
    """

    folder: str
    name: str | None = None
    fraction: Inside = 0.1
    seed: Seed = 0
    ignore: tuple[str, ...] = ()

    def smoke(self) -> Motifs:
        """A few procedural graphs in its place, for tests."""
        return Motifs().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with the parts of `graph` (see `pad`) and `label` int32.

        Raises:
          UserError: see `jssl.data.graph_files.read_tu`.
        """
        folder = Path(self.folder).expanduser()
        name = self.name or folder.name
        nodes, edges, label = read_tu(folder, name, tuple(self.ignore))
        numbered, names = encode_labels({"train": label}, str(folder), negative=True)
        source = ArraySource({**pad(nodes, edges), "label": numbered["train"]})
        return finish(source, None, None, name, names, fraction=self.fraction, seed=self.seed)


@dataclass(frozen=True)
class CitationGraph:
    """One graph whose nodes have labels: Cora, Citeseer (Sen et al., 2008; Yang et al., 2016).

    The only example of each split is the whole graph (the transductive setting). `node_split` gives
    the split of each node: 0 train, 1 validation, 2 test, -1 none.

    Attributes:
      path: what Planetoid's published files begin with, such as `DIR/ind.cora`
        (`jssl.data.planetoid`), or an `.npz` file with the adjacency and the features as SciPy
        writes sparse matrices, `adj_data`, `adj_indices`, `adj_indptr`, `adj_shape` and `attr_...`
        (the form of Shchur et al., 2018), `labels` (-1 where there is none), and the public split
        as `train`, `validation` and `test` (numbers of nodes, or masks).
      normalise: whether the features of a node are divided by their sum.
    """

    path: str
    normalise: bool = True

    def smoke(self) -> Motifs:
        """A few procedural graphs in its place, for tests."""
        return Motifs().smoke()

    def load(self) -> Splits:
        """Reads the file or the files.

        Returns:
          Splits with the parts of `graph` (see `pad`), `node_label` int32 [N] and `node_split`
          int32 [N].

        Raises:
          UserError: a file is missing, lacks an array or holds something else; see also
            `jssl.data.graph_files.check_citations`.
        """
        from jssl.data.planetoid import read_planetoid

        path = Path(self.path).expanduser()
        found = read_citations(path) if path.suffix == ".npz" else read_planetoid(path)
        found = check_citations(found, str(path))
        adjacency = found["adjacency"]
        both = ((adjacency + adjacency.T) > 0).tocoo()
        edges = np.stack([both.row, both.col], axis=1)
        edges = edges[edges[:, 0] != edges[:, 1]]
        if math.prod(found["features"].shape) > _LARGEST_DENSE:
            rows, columns = found["features"].shape
            raise UserError(
                f"{path} says that {rows} nodes have {columns} features each, more than "
                f"{_LARGEST_DENSE:.2g} numbers, which a damaged file does too"
            )
        x = np.asarray(found["features"].todense(), np.float32)
        if self.normalise:
            if x.min(initial=0) < 0:
                raise UserError(
                    f"{path} has negative features, which their sum does not normalise; say "
                    "normalise=False"
                )
            total = x.sum(axis=1, keepdims=True)
            x = x / np.where(total > 0, total, 1)
        split = np.full(len(x), -1, np.int32)
        for number, part in enumerate(("train", "validation", "test")):
            split[found[part]] = number
        known = found["labels"] >= 0
        numbered, classes = encode_labels({"nodes": found["labels"][known]}, str(path))
        label = np.full(len(x), -1, np.int32)
        label[known] = numbered["nodes"]
        arrays = {**pad([x], [edges]), "node_label": label[None], "node_split": split[None]}
        source = ArraySource(arrays)
        name = path.stem if path.suffix == ".npz" else path.name.removeprefix("ind.")
        return Splits(source, source, source, name, classes)


@dataclass(frozen=True)
class Motifs(Ranged):
    """Procedural graphs: random trees with an attached motif, which is the class.

    The feature of a node is its degree, one of eight, which is wrong for one node in ten.

    Attributes:
      train: number of training graphs.
      validation: number of validation graphs.
      test: number of test graphs.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 512
    validation: Count = 128
    test: Count = 256
    seed: Seed = 0

    def smoke(self) -> Motifs:
        """A copy with a few graphs, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the graphs, of 12 to 18 nodes.

        Returns:
          Splits with the parts of `graph` (see `pad`) and `label` int32.
        """
        parts = {
            part: self._split(part, count)
            for part, count in (
                ("train", self.train),
                ("validation", self.validation),
                ("test", self.test),
            )
        }
        return Splits(**parts, name="motifs", classes=MOTIFS)

    def _split(self, part: str, count: int) -> ArraySource:
        drawn = [self._graph(_OFFSETS[part] + i, i % len(MOTIFS)) for i in range(count)]
        label = (np.arange(count) % len(MOTIFS)).astype(np.int32)
        arrays = pad([x for x, _ in drawn], [e for _, e in drawn], size=18, links=56)
        return ArraySource({**arrays, "label": label})

    def _graph(self, number: int, kind: int) -> tuple[np.ndarray, np.ndarray]:
        u = random_words(self.seed, f"motifs {number}", 64) / 2.0**64
        trunk = 7 + int(u[0] * 7)
        links = [(i, int(u[1 + i] * i)) for i in range(1, trunk)]
        own = np.arange(trunk, trunk + 5)
        if kind == 0:
            links += [(own[i], own[(i + 1) % 5]) for i in range(5)]
        elif kind == 1:
            links += [(own[i], own[j]) for i in range(5) for j in range(i)]
        elif kind == 2:
            links += [(own[0], own[i]) for i in range(1, 5)]
        else:
            links += [(own[i], own[i + 1]) for i in range(4)]
        links.append((int(u[20] * trunk), own[0]))
        edges = np.asarray(links, np.int64)
        edges = np.concatenate([edges, edges[:, ::-1]])
        degree = np.minimum(np.bincount(edges[:, 0]), 7)
        wrong = u[21 : 21 + len(degree)] < 0.1
        degree[wrong] = (u[42 : 42 + len(degree)][wrong] * 8).astype(int)
        return np.eye(8, dtype=np.float32)[degree], edges
