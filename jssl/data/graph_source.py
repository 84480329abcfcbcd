"""One's own graphs: a folder in the form of the TU collection, or an `.npz` of edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jssl.core.ranges import Ranged
from jssl.data.checks import finite, measurable
from jssl.data.class_labels import encode_labels
from jssl.data.graph_files import TU_EXTRAS, by_graph, capped_degrees, check_citations, read_tu
from jssl.data.graphs import Motifs, pad
from jssl.data.holdout import divide
from jssl.data.notes import note
from jssl.data.npz import read_npz
from jssl.data.source import ArraySource, Splits
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.targets import Targets, read_targets
from jssl.errors import UserError

_EDGES, _NODES = ("edges", "edge_index", "edges_directed"), ("nodes", "features", "x")
_LABELS = ("label", "labels", "y")
_UNREAD = TU_EXTRAS[2:]


@dataclass(frozen=True)
class GraphSource(Ranged):
    """Graphs that may have no labels.

    * A folder with `NAME_A.txt` and `NAME_graph_indicator.txt` and, optionally, the other files of
      the TU collection (Morris et al., 2020). Attributes of edges and graphs are left out, which a
      note says.
    * `.npz` with several graphs as one: `edges` int [E, 2] or [2, E] (from, to; from 0), `graph`
      int [N] (the graph of each node, from 0) and, optionally, `nodes` float [N, F], `label` [G]
      and `group` [G]. It may be called edge_index, features or x, and labels or y.
    * `.npz` with one graph: `edges`, without `graph`; optionally `nodes`, `label` [N] (-1 where
      there is none) and `train`, `validation` and `test` (masks or numbers of nodes). The whole
      graph is the one example of each split, as for `jssl.data.graphs.CitationGraph`.

    Edges of one graph are made symmetric and those of a node with itself are left out. Nodes
    without features have their degree, up to 20, one-hot.

    Attributes:
      path: of the folder or the file.
      label: "none" leaves the labels out; None takes them.
      split: how the graphs, or the nodes with labels, are divided where the data do not say.
    """

    path: str
    label: str | None = None
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> Motifs:
        """A few procedural graphs in its place, for tests."""
        return Motifs().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with the parts of `graph` (see `jssl.data.graphs.pad`) and, where there are
          labels, `label` int32; for one graph `node_label` int32 [N] and `node_split` int32 [N].

        Raises:
          UserError: a file is missing or damaged, or an edge leads to a node that is not there.
        """
        path = Path(self.path).expanduser()
        if path.is_dir():
            return self._folder(path)
        arrays = read_npz(path, "edges=..., nodes=...")
        edges = _edges(arrays, path)
        size = _size(arrays, edges, path)
        outside = np.flatnonzero(((edges < 0) | (edges >= size)).any(axis=1))
        if outside.size:
            raise UserError(
                f"{path}: edge {outside[0]} is {edges[outside[0]].tolist()}, and nodes are 0 to "
                f"{size - 1} ({outside.size} such edges)"
            )
        if "graph" in arrays:
            return self._several(arrays, edges, size, path)
        return self._one(arrays, edges, size, path)

    def _folder(self, path: Path) -> Splits:
        name = tu_name(path)
        if name is None:
            raise UserError(f"{path} has no NAME_A.txt, the edges of a data set of the TU form")
        there = tuple(kind for kind in _UNREAD if (path / f"{name}_{kind}.txt").exists())
        if there:
            note(f"{path} is read without {', '.join(there)}, which no encoder takes")
        labelled = self.label != "none" and (path / f"{name}_graph_labels.txt").exists()
        nodes, edges, label = read_tu(path, name, there, labelled=labelled)
        return self._divided(nodes, edges, label, None, str(path), name)

    def _divided(
        self,
        nodes: list[np.ndarray],
        edges: list[np.ndarray],
        label: np.ndarray | None,
        group: np.ndarray | None,
        where: str,
        name: str,
    ) -> Splits:
        targets = Targets({})
        if label is not None:
            targets = read_targets({"train": label}, where, negative=True)
        what = f"graphs of {where}"
        train = {"train": ArraySource({**pad(nodes, edges), **targets.of("train")})}
        return divide(train, self.split, what, name=name, targets=targets, group=group)

    def _several(self, arrays: dict, edges: np.ndarray, size: int, path: Path) -> Splits:
        owner = arrays["graph"]
        if owner.dtype.kind not in "iu" or owner.shape != (size,) or owner.min(initial=0) < 0:
            raise UserError(
                f"{path}: graph must be the number of the graph, from 0, of each of {size} nodes, "
                f"not {owner.dtype} {list(owner.shape)}"
            )
        owner = owner.astype(np.int64)
        count = int(owner.max(initial=-1)) + 1
        bare = np.setdiff1d(np.arange(count) if count <= size else [count - 1], owner)
        if bare.size or count > size:
            raise UserError(f"{path}: graph {bare[0] if bare.size else count - 1} has no nodes")
        across = np.flatnonzero(owner[edges[:, 0]] != owner[edges[:, 1]])
        if across.size:
            raise UserError(
                f"{path}: edge {across[0]} is {edges[across[0]].tolist()}, which are nodes of two "
                f"graphs ({across.size} such edges)"
            )
        features = _features(arrays, edges, size, path)
        nodes, links = by_graph(features, edges, owner, count, str(path))
        label = None if self.label == "none" else _per(arrays, _LABELS, count, "graphs", path)
        group = _per(arrays, ("group",), count, "graphs", path)
        return self._divided(nodes, links, label, group, str(path), path.stem)

    def _one(self, arrays: dict, edges: np.ndarray, size: int, path: Path) -> Splits:
        both = np.concatenate([edges, edges[:, ::-1]])
        both = np.unique(both[both[:, 0] != both[:, 1]], axis=0)
        features = _features(arrays, both, size, path)
        found, classes = {**pad([features], [both])}, ()
        label = None if self.label == "none" else _per(arrays, _LABELS, size, "nodes", path)
        if label is not None:
            known, classes = self._node_labels(arrays, label, features, both, path)
            found |= known
        source = ArraySource(found)
        return Splits(source, source, source, path.stem, classes)

    def _node_labels(
        self, arrays: dict, label: np.ndarray, features: np.ndarray, edges: np.ndarray, path: Path
    ) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
        """`node_label` and `node_split`, each [1, N], and the names of the classes."""
        from scipy.sparse import csr_matrix

        texts = label.dtype.kind not in "iu"
        known = np.ones(len(label), bool) if texts else label >= 0
        if not known.any():
            raise UserError(f"{path}: no node has a label; leave the array out")
        numbered, classes = encode_labels({"nodes": label[known]}, str(path))
        codes = np.full(len(label), -1, np.int64)
        codes[known] = numbered["nodes"]
        if all(part in arrays for part in PARTS):
            chosen = {part: arrays[part] for part in PARTS}
        else:
            rows = np.flatnonzero(known)
            what = f"nodes with labels of {path}"
            drawn = self.split.draw(len(rows), what, label=codes[rows])
            chosen = {part: rows[index] for part, index in drawn.items()}
        links = csr_matrix((np.ones(len(edges)), tuple(edges.T)), (len(label), len(label)))
        graph = {"adjacency": links, "features": csr_matrix(features), "labels": codes, **chosen}
        checked = check_citations(graph, str(path))
        split = np.full(len(label), -1, np.int32)
        for number, part in enumerate(PARTS):
            split[checked[part]] = number
        return {"node_label": codes[None].astype(np.int32), "node_split": split[None]}, classes


def tu_name(folder: Path) -> str | None:
    """The name of the data set of the TU form that a folder holds, or None."""
    found = sorted(folder.glob("[!.]*_A.txt"))
    return found[0].name.removesuffix("_A.txt") if len(found) == 1 else None


def _first(arrays: dict, names: tuple[str, ...]) -> np.ndarray | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _edges(arrays: dict, path: Path) -> np.ndarray:
    edges = _first(arrays, _EDGES)
    if edges is None:
        raise UserError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; a graph needs edges "
            "[E, 2]"
        )
    if edges.ndim == 2 and edges.shape[1] != 2 and edges.shape[0] == 2:
        edges = edges.T
    if edges.dtype.kind not in "iu" or edges.ndim != 2 or edges.shape[1] != 2 or not len(edges):
        raise UserError(
            f"{path}: edges must be whole numbers [E, 2], not {edges.dtype} {list(edges.shape)}"
        )
    if edges.max() >= 2**31:
        raise UserError(f"{path}: an edge names the node {edges.max()}, which is not there")
    return edges.astype(np.int64)


def _size(arrays: dict, edges: np.ndarray, path: Path) -> int:
    """The number of nodes."""
    for names in (_NODES, ("graph",)):
        own = _first(arrays, names)
        if own is not None:
            if not own.ndim or not len(own):
                raise UserError(f"{path}: {names[0]} must have a row for each node")
            return len(own)
    own = _first(arrays, _LABELS)
    return len(own) if own is not None and own.ndim == 1 and len(own) else int(edges.max()) + 1


def _features(arrays: dict, edges: np.ndarray, size: int, path: Path) -> np.ndarray:
    found = _first(arrays, _NODES)
    if found is None:
        degrees = capped_degrees(edges, size)
        return np.eye(int(degrees.max()) + 1, dtype=np.float32)[degrees]
    if found.dtype.kind not in "biuf" or found.ndim != 2 or not found.shape[1]:
        raise UserError(
            f"{path}: nodes must be numbers [N, F], not {found.dtype} {list(found.shape)}"
        )
    where = f"{path}: nodes"
    finite(found, where, lambda i: f"node {i[0]}, feature {i[1]}")
    measurable(found, where)
    return found.astype(np.float32)


def _per(
    arrays: dict, names: tuple[str, ...], count: int, what: str, path: Path
) -> np.ndarray | None:
    found = _first(arrays, names)
    if found is not None and found.shape != (count,):
        raise UserError(
            f"{path}: {names[0]} must have one value for each of {count} {what}, not the shape "
            f"{list(found.shape)}"
        )
    return found
