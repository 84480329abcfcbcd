"""Operations on arrays between PyTorch's conventions and those of jssl, each with its inverse.

PyTorch keeps a linear layer as [out, in] and a convolution as [out, in, rows, columns]; here they
are [in, out] and [rows, columns, in, out].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Parts = list[Any]
Facts = Mapping[str, Any]


class Operation(NamedTuple):
    """What a rule does with its arrays.

    Attributes:
      load: from the arrays of a file (None for one that is missing) to those of the encoder.
      save: the inverse; None for an array that is not written.
    """

    load: Callable[[Parts, Facts], Sequence[Any]]
    save: Callable[[Parts, Facts], Sequence[Any]]


def _each(load: Callable[[Any, Facts], Any], save: Callable[[Any, Facts], Any]) -> Operation:
    return Operation(
        lambda parts, facts: [load(part, facts) for part in parts],
        lambda parts, facts: [save(part, facts) for part in parts],
    )


def _dense(x: np.ndarray, facts: Facts) -> np.ndarray:
    del facts
    if x.ndim > 2 and math.prod(x.shape[2:]) != 1:  # a 1x1 convolution is a linear layer
        raise ValueError("not a matrix")
    return x.reshape(x.shape[:2]).T


def _patch(x: np.ndarray, facts: Facts) -> np.ndarray:
    del facts
    return x.transpose(2, 3, 1, 0).reshape(-1, x.shape[0])


def _unpatch(x: np.ndarray, facts: Facts) -> np.ndarray:
    p = facts["patch"]
    return x.reshape(p, p, -1, x.shape[-1]).transpose(3, 2, 0, 1)


def _class_row(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """cls_token [1, 1, D] and pos_embed [1, 1 + N, D] -> class token [1, D] and table.

    jssl gives the class token no position, so that its row is added to the token.
    """
    token, table = (np.asarray(p, np.float32) for p in parts)
    table = table.reshape(-1, table.shape[-1])
    rows, columns = facts["rows"], facts["columns"]
    if len(table) != 1 + rows * columns:
        raise ValueError(f"1 + {rows} x {columns} positions are needed")
    return [token.reshape(1, -1) + table[:1], table[1:].reshape(rows, columns, -1)]


def _class_row_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    token, table = parts
    table = table.reshape(-1, table.shape[-1])
    return [token[None], np.concatenate([np.zeros_like(token), table])[None]]


def _bare_class_row(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """The same for class_embedding [D] and a table [1 + N, D]."""
    return _class_row([parts[0], parts[1]], facts)


def _bare_class_row_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    token, table = _class_row_back(parts, facts)
    return [token.reshape(-1), table[0]]


def _table(x: np.ndarray, facts: Facts) -> np.ndarray:
    """pos_embed [1, N, D] without a class row -> [rows, columns, D]."""
    return x.reshape(facts["rows"], facts["columns"], x.shape[-1])


def _sequence_table(x: np.ndarray, facts: Facts) -> np.ndarray:
    del facts
    return x[None]


def _joined(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """Matrices [out, in] side by side, such as queries, keys and values."""
    del facts
    return [np.concatenate([part.T for part in parts], axis=1)]


def _split(count: int) -> Callable[[Parts, Facts], list[np.ndarray]]:
    return lambda parts, facts: [p.T for p in np.split(parts[0], count, axis=1)]


def _joined_biases(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """Biases of queries, keys and values; one that is missing is zero."""
    del facts
    like = next(part for part in parts if part is not None)
    return [np.concatenate([np.zeros_like(like) if p is None else p for p in parts])]


def _masked_bias(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """DINOv3's bias of queries, keys and values, and the mask that hides that of the keys."""
    del facts
    bias, mask = parts
    if mask is not None and not np.isin(mask, (0, 1)).all():
        raise ValueError("the mask of the bias must be 0 or 1 throughout")
    width = len(bias) // 3
    keys = np.repeat([1.0, 0.0, 1.0], width).astype(bias.dtype)
    return [bias * (keys if mask is None else mask)]


def _masked_bias_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    width = len(parts[0]) // 3
    return [parts[0], np.repeat([1.0, 0.0, 1.0], width).astype(np.float32)]


def _without_keys(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """Biases of queries and values; that of the keys is zero."""
    del facts
    return [np.concatenate([parts[0], np.zeros_like(parts[0]), parts[1]])]


def _without_keys_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    return np.split(parts[0], 3)[::2]


def _halves(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """SwiGLU's two matrices [2 h, in] in one: first the branch with SiLU, then the gate."""
    del facts
    return [half.T for half in np.split(parts[0], 2)]


def _halves_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    return [np.concatenate([part.T for part in parts])]


def _half_biases(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    return np.split(parts[0], 2)


def _half_biases_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    return [np.concatenate(parts)]


def _wave(x: np.ndarray, facts: Facts) -> np.ndarray:
    """A convolution over time [out, in, k] -> the folded form of `jssl.nn.waveform.WaveStack`."""
    out, inner, kernel = x.shape
    stride = facts["strides"][int(facts["i"])]
    fold = stride if kernel % stride == 0 else 1
    x = x.transpose(2, 1, 0)  # [k, in, out]
    return x.reshape(kernel // fold, 1, fold * inner, out)


def _wave_back(x: np.ndarray, facts: Facts) -> np.ndarray:
    kernel = facts["kernels"][int(facts["i"])]
    return x.reshape(kernel, -1, x.shape[-1]).transpose(2, 1, 0)


def _weight_norm(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """w = g v / |v|, where g [1, 1, k] and the norm is over all axes but the last."""
    del facts
    g, v = (np.asarray(part, np.float64) for part in parts)
    w = g * v / np.sqrt(np.sum(v * v, axis=(0, 1), keepdims=True))
    return [w.transpose(2, 1, 0)[:, None].astype(np.float32)]


def _weight_norm_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    v = parts[0][:, 0].transpose(2, 1, 0)
    norm = np.sqrt(np.sum(np.square(v, dtype=np.float64), axis=(0, 1), keepdims=True))
    return [norm.astype(np.float32), v]


def _symbols(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """Word embeddings [V, D] -> symbols [V + 1, D]; symbol 0 is padding, and k + 1 is id k."""
    del facts
    return [np.concatenate([np.zeros_like(parts[0][:1]), parts[0]])]


def _symbols_back(parts: Parts, facts: Facts) -> list[np.ndarray]:
    del facts
    return [parts[0][1:]]


def _symbols_and_mask(parts: Parts, facts: Facts) -> list[np.ndarray]:
    """The same, and the vector of the id of [MASK]."""
    return [*_symbols(parts, facts), parts[0][facts["mask_id"]]]


_transposed = _each(_dense, lambda x, facts: x.T)

OPERATIONS: Mapping[str, Operation] = {
    "same": _each(lambda x, facts: x, lambda x, facts: x),
    "vector": _each(lambda x, facts: x.reshape(-1), lambda x, facts: x[None, None]),
    "tokens": _each(lambda x, facts: x.reshape(-1, x.shape[-1]), lambda x, facts: x[None]),
    "row": _each(lambda x, facts: x.reshape(-1), lambda x, facts: x[None]),  # [..., D] and [D]
    "dense": _transposed,
    "pointwise": _each(_dense, lambda x, facts: x.T[..., None, None]),
    "conv": _each(lambda x, f: x.transpose(2, 3, 1, 0), lambda x, f: x.transpose(3, 2, 0, 1)),
    "patch": _each(_patch, _unpatch),
    "class_row": Operation(_class_row, _class_row_back),
    "bare_class_row": Operation(_bare_class_row, _bare_class_row_back),
    "table": _each(_table, lambda x, facts: x.reshape(1, -1, x.shape[-1])),
    "sequence_table": _each(_sequence_table, lambda x, facts: x[0]),
    "qkv": Operation(_joined, _split(3)),
    "qkv_bias": Operation(_joined_biases, lambda parts, facts: np.split(parts[0], 3)),
    "qv_bias": Operation(_without_keys, _without_keys_back),
    "masked_bias": Operation(_masked_bias, _masked_bias_back),
    "swiglu": Operation(_halves, _halves_back),
    "swiglu_bias": Operation(_half_biases, _half_biases_back),
    "wave": _each(_wave, _wave_back),
    "weight_norm": Operation(_weight_norm, _weight_norm_back),
    "symbols": Operation(_symbols, _symbols_back),
    "symbols_and_mask": Operation(_symbols_and_mask, _symbols_back),
}
