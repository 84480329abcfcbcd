"""Planetoid's published files: `ind.cora.x`, `ind.cora.graph`, ... (Yang et al., 2016).

All but `test.index` are pickles, which can run code when they are read. Here they are read by an
unpickler that knows arrays, sparse matrices, lists and dicts, and refuses everything else.
"""

from __future__ import annotations

import copyreg
import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, vstack

from jssl.errors import UserError

_PARTS = ("x", "y", "tx", "ty", "allx", "ally", "graph")
_VALIDATION = 500  # nodes after the labelled ones


class _Sparse:
    """What a pickled matrix of SciPy is read as: the attributes that it had."""


_ARRAY = np.zeros(1)
_MODULES = {  # older names of Python, NumPy and SciPy
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "scipy.sparse.csr": "scipy.sparse._csr",
}
_KNOWN = {
    ("builtins", "list"): list,
    ("builtins", "object"): object,
    ("collections", "defaultdict"): defaultdict,
    ("copyreg", "_reconstructor"): copyreg._reconstructor,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy._core.multiarray", "_reconstruct"): _ARRAY.__reduce__()[0],
    ("numpy._core.multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numpy._core.numeric", "_frombuffer"): _ARRAY.__reduce_ex__(5)[0],
    ("scipy.sparse._csr", "csr_matrix"): _Sparse,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin1")  # how Python 2's arrays are read

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[_MODULES.get(module, module), name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is no array, matrix, list or dict"
            ) from None


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
        test = np.loadtxt(index, dtype=np.int64, ndmin=1)
    except FileNotFoundError:
        raise UserError(f"there is no file {index}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{index} is no list of whole numbers ({error})") from None
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
    both = vstack([found["allx"], found["tx"]]).tocoo()
    row = np.concatenate([np.arange(known), test])
    features = coo_matrix((both.data, (row[both.row], both.col)), (size, both.shape[1])).tocsr()
    hot = np.zeros((size, found["ally"].shape[1]))
    hot[row] = np.concatenate([found["ally"], found["ty"]])
    graph = found["graph"]
    pairs = [(int(node), int(other)) for node, others in graph.items() for other in others]
    ends = np.asarray(pairs, np.int64).reshape(-1, 2)
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


def _read(path: Path, part: str) -> Any:
    """One file: csr_matrix for features, an array for labels, a dict for the graph."""
    try:
        with path.open("rb") as file:
            found = _Unpickler(file).load()
        if isinstance(found, _Sparse):
            own = vars(found)
            found = csr_matrix((own["data"], own["indices"], own["indptr"]), shape=own["_shape"])
        wanted = dict if part == "graph" else csr_matrix if part.endswith("x") else np.ndarray
        if not isinstance(found, wanted):
            raise TypeError(f"it holds a {type(found).__name__}")
        if wanted is np.ndarray and found.ndim != 2:
            raise TypeError(f"its array has the shape {list(found.shape)}")
        return found
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except Exception as error:  # damaged pickles raise anything
        reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(f"{path} is not a file of Planetoid ({reason})") from None
