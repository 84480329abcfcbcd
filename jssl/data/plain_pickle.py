"""Safe reader of pickles that contain only lists, dicts, plain arrays and SciPy CSR matrices.

A pickle is a program. Here only the instructions that such data need are allowed, functions and
classes named in the file are not called, and the shape and dtype of an array are checked against
its bytes. Whatever a file contains, none of its code is executed and memory is limited to a few
times its size.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
from scipy.sparse import csr_matrix

from jssl.data.files import read_bytes
from jssl.data.sparse import checked_csr
from jssl.errors import UserError

_PLAIN = re.compile(r"[<>=|]?[biuf][1248]")  # a dtype of booleans or numbers, as pickles name it
_OPCODES = """
    MARK STOP POP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES
    SHORT_BINBYTES BINBYTES8 BYTEARRAY8 EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1
    TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT
    MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD NEWOBJ PROTO FRAME
"""
_MODULES = {  # older names of Python, NumPy and SciPy
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "scipy.sparse.csr": "scipy.sparse._csr",
}


def read_plain_pickle(path: Path) -> Any:
    """Reads a pickle, also of Python 2, of plain arrays, sparse matrices, lists and dicts.

    Args:
      path: of the file.

    Returns:
      A number, text, list, dict (a `defaultdict` of lists becomes a dict), NumPy array of booleans
      or numbers, or `scipy.sparse.csr_matrix`; arrays inside of lists and dicts are not read.

    Raises:
      UserError: the file is missing or no regular file.
      pickle.UnpicklingError: it holds anything else, or is damaged.
    """
    raw = read_bytes(path)
    try:
        found = _Unpickler(io.BytesIO(raw), encoding="latin1").load()  # how Python 2's are read
        if isinstance(found, _Sparse):
            return found.matrix(len(raw))
        return _array(found) if isinstance(found, _Array) else found
    except (pickle.UnpicklingError, UserError):
        raise
    except KeyError as error:
        raise pickle.UnpicklingError(f"it has the unknown instruction or place {error}") from None
    except Exception as error:  # damaged pickles raise anything
        reason = str(error).split("\n")[0].rstrip(".") or "it is cut short or damaged"
        raise pickle.UnpicklingError(reason) from None


class _Fixed(type):
    """Classes whose attributes a pickle cannot set."""

    def __setattr__(cls, name: str, value: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it sets {name} of a class")


class _Call(metaclass=_Fixed):
    """Replaces a function named in a pickle: calls ours, and has no state to set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise pickle.UnpicklingError(f"it sets {name} of a function")

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("it sets the state of a function")


class _Dtype(metaclass=_Fixed):
    """A dtype that is being read; its state gives the byte order."""

    __slots__ = ("order", "text")

    def __init__(self, text: Any, *options: Any) -> None:
        if not isinstance(text, str) or not _PLAIN.fullmatch(text):
            raise pickle.UnpicklingError(f"its array has the dtype {text!r}")
        self.text, self.order = text.lstrip("<>=|"), "="

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 8 or state[1] not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError("its dtype is of an unknown form")
        if any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("its dtype has parts")
        self.order = state[1]

    def dtype(self) -> np.dtype:
        return np.dtype(self.order.replace("|", "=") + self.text)


class _Array(metaclass=_Fixed):
    """An array that is being read; its state holds shape, dtype and bytes."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if self.value is not None or not isinstance(state, tuple) or len(state) not in (4, 5):
            raise pickle.UnpicklingError("its array is of an unknown form")
        shape, dtype, fortran, raw = state[-4:]
        self.value = _checked_array(raw, dtype, shape, "F" if fortran else "C")


class _Sparse(metaclass=_Fixed):
    """A sparse matrix that is being read: the attributes that it had."""

    __slots__ = ("parts",)

    def __setstate__(self, state: Any) -> None:
        if hasattr(self, "parts") or not isinstance(state, dict):
            raise pickle.UnpicklingError("its matrix is of an unknown form")
        self.parts = state

    def matrix(self, packed: int) -> csr_matrix:
        data, indices, indptr = (_array(self.parts.get(k)) for k in ("data", "indices", "indptr"))
        shape = self.parts.get("_shape", self.parts.get("shape"))
        return checked_csr(data, indices, indptr, shape, packed)


def _array(found: Any) -> np.ndarray:
    if not isinstance(found, _Array) or found.value is None:
        raise pickle.UnpicklingError("it holds something else where an array belongs")
    return found.value


def _checked_array(raw: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("its array has no dtype")
    kind = dtype.dtype()
    if isinstance(raw, str):  # of Python 2
        raw = raw.encode("latin1")
    sides = shape if isinstance(shape, tuple) else ()
    if not isinstance(raw, bytes | bytearray) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("its array has no bytes or no shape")
    if not all(type(side) is int and side >= 0 for side in sides):
        raise pickle.UnpicklingError(f"its array has the shape {sides!r}")
    if math.prod(sides) * kind.itemsize != len(raw):
        raise pickle.UnpicklingError(
            f"its array of the shape {list(sides)} and dtype {kind} has {len(raw)} bytes"
        )
    return np.frombuffer(raw, kind).reshape(sides, order=order).astype(kind.newbyteorder("="))


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    del kind, shape, code  # of an empty array; its state says them anew
    return _Array()


def _scalar(dtype: Any, raw: Any) -> int | float | bool:
    return _checked_array(raw, dtype, (), "C").item()


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    found = _Array()
    found.value = _checked_array(raw, dtype, shape, "F" if order == "F" else "C")
    return found


def _object(kind: Any, base: Any, state: Any) -> _Sparse:
    if kind is not _Sparse or state is not None:
        raise pickle.UnpicklingError("it builds an object that is no sparse matrix")
    return _Sparse()


def _dict(*factory: Any) -> dict:
    if len(factory) > 1:
        raise pickle.UnpicklingError("it fills a dict that is made of a list")
    return {}


def _nothing(*arguments: Any) -> NoReturn:
    raise pickle.UnpicklingError("it calls a type")


_KNOWN = {
    ("builtins", "list"): _Call(_nothing),
    ("builtins", "object"): _Call(_nothing),
    ("collections", "defaultdict"): _Call(_dict),
    ("copyreg", "_reconstructor"): _Call(_object),
    ("numpy", "ndarray"): _Call(_nothing),
    ("numpy", "dtype"): _Call(_Dtype),
    ("numpy._core.multiarray", "_reconstruct"): _Call(_reconstruct),
    ("numpy._core.multiarray", "scalar"): _Call(_scalar),
    ("numpy._core.numeric", "_frombuffer"): _Call(_from_buffer),
    ("scipy.sparse._csr", "csr_matrix"): _Sparse,
}


class _Unpickler(pickle._Unpickler):
    """The unpickler written in Python; the one in C allocates as much memory as a file requests."""

    dispatch: ClassVar = {
        code: pickle._Unpickler.dispatch[code]
        for code in (getattr(pickle, name)[0] for name in _OPCODES.split())
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[_MODULES.get(module, module), name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is no array, matrix, list or dict"
            ) from None
