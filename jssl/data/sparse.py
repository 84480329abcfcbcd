"""Validates sparse matrices from files before use, since SciPy does not check their indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from jssl.data.files import unpack_limit


def checked_csr(data: Any, indices: Any, indptr: Any, shape: Any, packed: int) -> csr_matrix:
    """Builds a CSR matrix after checking that every index is within bounds.

    Args:
      data: the entries, numbers or booleans [E].
      indices: integers [E], their columns.
      indptr: integers [rows + 1], where each row begins.
      shape: rows and columns.
      packed: bytes of the file. As a dense float32 matrix, which features are converted to, it may
        be as large as such a file may decompress to (`jssl.data.files`).

    Returns:
      The matrix.

    Raises:
      ValueError: the parts do not fit each other, or the matrix is too large.
    """
    data, indices, indptr = (np.asarray(part) for part in (data, indices, indptr))
    sides = np.asarray(shape)
    if sides.shape != (2,) or sides.dtype.kind not in "iu" or sides.min() < 0:
        raise ValueError(f"its matrix has the shape {shape!r}")
    rows, columns = (int(side) for side in sides)
    if (
        data.dtype.kind not in "biuf"
        or indices.dtype.kind not in "iu"
        or indptr.dtype.kind not in "iu"
    ):
        raise ValueError("its matrix has parts of other types than numbers")
    starts = indptr.astype(np.int64)
    fits = data.ndim == indices.ndim == indptr.ndim == 1 and len(data) == len(indices)
    if not fits or len(starts) != rows + 1:
        raise ValueError(f"its matrix of the shape {[rows, columns]} has parts of other lengths")
    if starts[0] != 0 or starts[-1] != len(data) or (np.diff(starts) < 0).any():
        raise ValueError("the rows of its matrix do not follow each other")
    if len(indices) and not 0 <= indices.min() <= indices.max() < columns:
        raise ValueError(f"its matrix has {columns} columns and names column {indices.max()}")
    if rows * columns * 4 > unpack_limit(packed):
        raise ValueError(f"its matrix of the shape {[rows, columns]} is larger than the limit")
    return csr_matrix((data, indices, indptr), shape=(rows, columns))
