"""Planetoid's published files: `ind.cora.x`, `ind.cora.graph`, ... (Yang et al., 2016).

All but `test.index` are pickles, which can run code when they are read. Here they are read as plain
data (`jssl.data.plain_pickle`).
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, vstack

from jssl.data.files import too_large, unpack_limit
from jssl.data.plain_pickle import read_plain_pickle
from jssl.data.text_files import read_text
from jssl.errors import UserError

_PARTS = ("x", "y", "tx", "ty", "allx", "ally", "graph")
_VALIDATION = 500  # nodes after the labelled ones


def read_planetoid(start: Path) -> dict[str, Any]:
    """Reads a data set's eight files.

    Rows of `allx` are the first nodes, of which the first, those of `x`, are for training and the
    500 after them for validation; rows of `tx` are the nodes that `test.index` numbers. Nodes that
    neither has, which Citeseer knows, have features of zero and the label -1.

    Args:
      start: what the paths of the files begin with, such as `DIR/ind.cora`.

    Returns:
      dict(adjacency: sparse [N, N], an entry for each neighbour in the file; features: sparse
      [N, F]; labels: int [N]; train, validation, test: int, numbers of nodes).

    Raises:
      UserError: a file is missing, holds something else, or does not fit the others.
    """
    found = {part: _read(Path(f"{start}.{part}"), part) for part in _PARTS}
    index = Path(f"{start}.test.index")
    try:
        test = np.asarray([int(word) for word in read_text(index).split()], np.int64)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{index} is not a list of whole numbers ({error})") from None
    known, trained = found["allx"].shape[0], found["x"].shape[0]
    fits = [
        len(found["ally"]) == known >= trained == len(found["y"]),
        found["tx"].shape[0] == len(found["ty"]) == len(test) == len(np.unique(test)),
        test.size > 0 and test.min() >= known,
        len({found[part].shape[1] for part in ("x", "tx", "allx")}) == 1,
        len({found[part].shape[1] for part in ("y", "ty", "ally")}) == 1,
    ]
    if not all(fits):
        raise UserError(f"the files {start}.* do not fit each other: numbers of rows or columns")
    size = int(test.max()) + 1
    packed = sum(Path(f"{start}.{part}").stat().st_size for part in _PARTS)
    if size * max(found["allx"].shape[1], found["ally"].shape[1], 1) * 8 > unpack_limit(packed):
        raise too_large(index, unpack_limit(packed))
    both = vstack([found["allx"], found["tx"]]).tocoo()
    row = np.concatenate([np.arange(known), test])
    features = coo_matrix((both.data, (row[both.row], both.col)), (size, both.shape[1])).tocsr()
    hot = np.zeros((size, found["ally"].shape[1]))
    hot[row] = np.concatenate([found["ally"], found["ty"]])
    ends = _edges(found["graph"], packed, f"{start}.graph")
    if ends.size and not 0 <= ends.min() <= ends.max() < size:
        raise UserError(f"{start}.graph names node {ends.max()}, and there are {size}")
    return {
        "adjacency": csr_matrix((np.ones(len(ends)), ends.T), shape=(size, size)),
        "features": features,
        "labels": np.where(hot.any(axis=1), hot.argmax(axis=1), -1),
        "train": np.arange(trained),
        "validation": np.arange(trained, min(trained + _VALIDATION, known)),
        "test": np.sort(test),
    }


def _edges(graph: dict, packed: int, where: str) -> np.ndarray:
    """The pairs of nodes of a dict of neighbours, int64 [E, 2]."""
    lists = all(isinstance(others, list) for others in graph.values())
    # Lists may be one and the same, and so hold more than the file does.
    if not lists or sum(map(len, graph.values())) > packed:
        raise UserError(f"{where} is not a file of Planetoid (no list of neighbours for each node)")
    pairs = [(node, other) for node, others in graph.items() for other in others]
    if not all(type(one) is int and abs(one) < 2**62 for pair in pairs for one in pair):
        raise UserError(f"{where} is not a file of Planetoid (a node is not a whole number)")
    return np.asarray(pairs, np.int64).reshape(-1, 2)


def _read(path: Path, part: str) -> Any:
    """One file: csr_matrix for features, an array for labels, a dict for the graph."""
    wanted = dict if part == "graph" else csr_matrix if part.endswith("x") else np.ndarray
    try:
        found = read_plain_pickle(path)
        if not isinstance(found, wanted):
            raise ValueError(f"it holds a {type(found).__name__}")
        if wanted is np.ndarray and found.ndim != 2:
            raise ValueError(f"its array has the shape {list(found.shape)}")
        return found
    except (pickle.UnpicklingError, ValueError) as error:
        raise UserError(f"{path} is not a file of Planetoid ({error})") from None
