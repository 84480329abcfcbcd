"""Graphs: the TU collection, citation graphs with the public splits, and procedural motifs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.arrays import finish
from jssl.data.npz import read_npz
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits
from jssl.errors import UserError

MOTIFS = ("cycle", "clique", "star", "path")
_OFFSETS = {"train": 0, "validation": 1 << 20, "test": 1 << 21}


def pad(
    nodes: list[np.ndarray], edges: list[np.ndarray], size: int = 0, links: int = 0
) -> dict[str, np.ndarray]:
    """Graphs as arrays of one size.

    Args:
      nodes: of each graph, float [n, F].
      edges: of each graph, int [e, 2]; from, to.
      size: nodes to fill up to; the largest graph's if that is more.
      links: edges to fill up to; likewise.

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
class TU:
    """A set of the TU collection of graphs (Morris et al., 2020): `NAME_A.txt` and its kin.

    Nodes show their label, one of a few; where a set has none, their degree up to 20.

    Attributes:
      folder: that holds the files.
      name: of the data set; the folder's own name when None.
      fraction: the part that is carved for validation, and again for test.
      seed: of the carving.
    """

    folder: str
    name: str | None = None
    fraction: float = 0.1
    seed: int = 0

    def smoke(self) -> Motifs:
        """A few procedural graphs in its place, for tests."""
        return Motifs().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with the parts of `graph` (see `pad`) and `label` int32.

        Raises:
          UserError: when a file is missing or no table of whole numbers.
        """
        folder = Path(self.folder).expanduser()
        name = self.name or folder.name
        edges = _whole(folder / f"{name}_A.txt").reshape(-1, 2) - 1
        owner = _whole(folder / f"{name}_graph_indicator.txt") - 1
        label = _whole(folder / f"{name}_graph_labels.txt")
        tags = folder / f"{name}_node_labels.txt"
        kinds = (
            _whole(tags)
            if tags.exists()
            else np.minimum(np.bincount(edges[:, 0], minlength=len(owner)), 20)
        )
        values, codes = np.unique(kinds, return_inverse=True)
        hot = np.eye(len(values), dtype=np.float32)[codes]
        first = np.searchsorted(owner, np.arange(len(label)))
        last = np.searchsorted(owner, np.arange(len(label)), side="right")
        home = owner[edges[:, 0]]
        order = np.argsort(home, kind="stable")
        cuts = np.searchsorted(home[order], np.arange(len(label) + 1))
        lists = [edges[order[cuts[g] : cuts[g + 1]]] - first[g] for g in range(len(label))]
        classes, label = np.unique(label, return_inverse=True)
        arrays = pad([hot[a:b] for a, b in zip(first, last, strict=True)], lists)
        source = ArraySource({**arrays, "label": label.astype(np.int32)})
        names = tuple(str(c) for c in classes)
        return finish(source, None, None, name, names, fraction=self.fraction, seed=self.seed)


def _whole(path: Path) -> np.ndarray:
    try:
        return np.loadtxt(path, dtype=np.int64, delimiter=",")
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no table of whole numbers ({error})") from None


@dataclass(frozen=True)
class CitationGraph:
    """One graph whose nodes have labels: Cora, Citeseer (Sen et al., 2008; Yang et al., 2016).

    The one example of each split is the whole graph (the transductive setting); which nodes belong
    to which split says `node_split`: 0 train, 1 validation, 2 test, -1 none.

    Attributes:
      path: what Planetoid's published files begin with, such as `DIR/ind.cora`
        (`jssl.data.planetoid`), or an `.npz` file with the adjacency and the features as SciPy
        writes sparse matrices, `adj_data`, `adj_indices`, `adj_indptr`, `adj_shape` and `attr_...`
        (the form of Shchur et al., 2018), `labels` (-1 where there is none), and the public split
        as `train`, `validation` and `test` (numbers of nodes).
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
          UserError: a file is missing, lacks an array or holds something else.
        """
        from jssl.data.planetoid import read_planetoid

        path = Path(self.path).expanduser()
        found = _citations(path) if path.suffix == ".npz" else read_planetoid(path)
        adjacency = found["adjacency"]
        both = ((adjacency + adjacency.T) > 0).tocoo()
        edges = np.stack([both.row, both.col], axis=1)
        edges = edges[edges[:, 0] != edges[:, 1]]
        x = np.asarray(found["features"].todense(), np.float32)
        if self.normalise:
            x = x / np.maximum(x.sum(axis=1, keepdims=True), 1e-12)
        split = np.full(len(x), -1, np.int32)
        for number, part in enumerate(("train", "validation", "test")):
            split[found[part]] = number
        label = found["labels"].astype(np.int32)
        arrays = {**pad([x], [edges]), "node_label": label[None], "node_split": split[None]}
        source = ArraySource(arrays)
        classes = tuple(str(k) for k in range(int(label.max()) + 1))
        name = path.stem if path.suffix == ".npz" else path.name.removeprefix("ind.")
        return Splits(source, source, source, name, classes)


def _citations(path: Path) -> dict[str, Any]:
    """What `read_planetoid` returns, from an `.npz` file."""
    from jssl.data.sparse import checked_csr

    found = read_npz(path)
    parts = ("data", "indices", "indptr", "shape")
    wanted = [f"{kind}_{part}" for kind in ("adj", "attr") for part in parts]
    wanted += ["labels", "train", "validation", "test"]
    lacking = [key for key in wanted if key not in found]
    if lacking:
        raise UserError(f"{path} lacks the arrays {', '.join(lacking)}")
    for name, kind in (("adjacency", "adj"), ("features", "attr")):
        values = tuple(found[f"{kind}_{part}"] for part in parts[:3])
        try:
            found[name] = checked_csr(*values, found[f"{kind}_shape"], path.stat().st_size)
        except ValueError as error:
            raise UserError(f"{path}: {kind}_data and its kin are no matrix ({error})") from None
    return found


@dataclass(frozen=True)
class Motifs:
    """Procedural graphs: random trees with a motif hung on, which is the class.

    Nodes show their degree, one of eight, wrong at one node in ten.

    Attributes:
      train: number of training graphs.
      validation: number of validation graphs.
      test: number of test graphs.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: int = 512
    validation: int = 128
    test: int = 256
    seed: int = 0

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
