"""Reading of PyTorch's files without PyTorch: a zip of raw storages and a pickle of tensors.

A pickle is a program. Here only the instructions of a state dict are carried out: names of classes
and functions become inert markers, only the rebuilding of a tensor is understood, and the size,
offset and strides of a tensor are checked against its storage before a byte is read. Nothing that a
file contains is executed, and no more memory is taken than the file has bytes.
"""

from __future__ import annotations

import dataclasses
import io
import math
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from jssl.data.files import DAMAGED_ZIP, open_regular
from jssl.errors import UserError

_OPCODES = """
    PROTO STOP MARK GLOBAL BINPERSID REDUCE BUILD EMPTY_DICT SETITEM SETITEMS EMPTY_LIST APPEND
    APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 BINPUT LONG_BINPUT BINGET LONG_BINGET NONE
    NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINSTRING BINSTRING
    NEWOBJ
"""
_STORAGES: Mapping[str, Any] = {
    "Float": np.float32,
    "Double": np.float64,
    "Half": np.float16,
    "BFloat16": ml_dtypes.bfloat16,
    "Long": np.int64,
    "Int": np.int32,
    "Short": np.int16,
    "Char": np.int8,
    "Byte": np.uint8,
    "Bool": np.bool_,
}
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
_PICKLE_LIMIT = 2**28  # bytes of data.pkl; a name and a few numbers for each tensor
_KEY = re.compile(r"[0-9A-Za-z_]+")
# Records that training scripts save beside the tensors; they become inert objects.
_IGNORED = {
    ("argparse", "Namespace"),
    ("collections", "defaultdict"),
    ("collections", "Counter"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
    ("vissl.utils.hydra_config", "AttrDict"),
    ("pathlib", "PosixPath"),
    ("torch", "device"),
    ("torch", "Size"),
}


class _Refused(pickle.UnpicklingError):
    """What a file may not hold, as the end of a sentence."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor of a file that has not been read yet.

    Attributes:
      shape: its sides.
      dtype: its NumPy dtype.
      read: reads it: a contiguous array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]


def read_torch(path: str | Path) -> dict[str, Any]:
    """The content of a file written by `torch.save`.

    Args:
      path: of the file, in the zip format of PyTorch 1.6 and later.

    Returns:
      Nested dicts and lists of numbers and texts, with a `Tensor` in place of each tensor; objects
      of training scripts, such as `argparse.Namespace`, are None.

    Raises:
      UserError: the file is missing, damaged, of the older format, a TorchScript archive, or its
        pickle asks for anything but tensors; nothing of it is executed.
    """
    path = Path(path)
    with open_regular(path) as stream:
        start = stream.read(16)
    if start.startswith(_LEGACY):
        raise UserError(
            f"{path} is in PyTorch's format of before version 1.6: load it in PyTorch with "
            "weights_only=True and save its state_dict again"
        )
    if not start.startswith(b"PK"):
        raise UserError(
            f"{path} is no file of PyTorch's zip format (it may be a plain pickle, which could run "
            "code when loaded): give a safetensors file or one written by torch.save"
        )
    try:
        archive = zipfile.ZipFile(path)
    except (*DAMAGED_ZIP, OSError, ValueError) as error:
        raise UserError(f"{path} is no whole PyTorch file ({error}): copy it again") from None
    with archive:
        root = _root(archive, path)
        raw = _member(archive, f"{root}/data.pkl", path)
        try:
            found = _Unpickler(raw, archive, root, path).load()
        except _Refused as error:
            raise UserError(
                f"{path} is not read, because {error}; none of it was executed: load it in a "
                "program that you trust and save its state_dict alone"
            ) from None
        except UserError:
            raise
        except Exception as error:  # damaged pickles raise anything
            raise UserError(
                f"{path} is not read, because its pickle is damaged or of a form that no state "
                f"dict has ({type(error).__name__})"
            ) from None
    if not isinstance(found, Mapping):
        raise UserError(f"{path} holds a {type(found).__name__}, not a state dict of tensors")
    return _plain(found)


def _root(archive: zipfile.ZipFile, path: Path) -> str:
    names = [info.filename for info in archive.infolist()]
    roots = {name.split("/")[0] for name in names}
    root = next(iter(roots), "")
    if len(roots) != 1 or f"{root}/data.pkl" not in names or len(set(names)) < len(names):
        raise UserError(
            f"{path} is a zip, and not one of torch.save: that has one folder with data.pkl in it"
        )
    if f"{root}/constants.pkl" in names or any(n.startswith(f"{root}/code/") for n in names):
        raise UserError(
            f"{path} is a TorchScript archive, which is a program: load it in PyTorch and save its "
            "state_dict()"
        )
    size, total = path.stat().st_size, 0
    for info in archive.infolist():
        total += info.file_size
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or total > size:
            raise UserError(
                f"{path} has the entry {info.filename} compressed, encrypted or longer than the "
                "file, which torch.save never writes"
            )
    order = f"{root}/byteorder"
    if order in names and _member(archive, order, path) != b"little":
        raise UserError(f"{path} was written on a big-endian machine: save it on another")
    return root


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        if name.endswith("data.pkl") and archive.getinfo(name).file_size > _PICKLE_LIMIT:
            raise UserError(f"{path} has a pickle of more than {_PICKLE_LIMIT} bytes")
        return archive.read(name)
    except KeyError:
        raise _Refused(f"it has no storage {name}") from None
    except (*DAMAGED_ZIP, OSError, EOFError) as error:
        raise UserError(f"{path} is damaged at {name} ({error}): copy it again") from None


@dataclasses.dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype
    count: int


@dataclasses.dataclass(frozen=True)
class _Global:
    """A class or function named in a pickle; a marker without any behaviour."""

    name: str


class _Foreign:
    """An object of a training script, of which nothing is kept."""

    __slots__ = ()


class _Unpickler(pickle._Unpickler):
    """The unpickler written in Python, with few instructions."""

    dispatch: ClassVar = {
        code: pickle._Unpickler.dispatch[code]
        for code in (getattr(pickle, name)[0] for name in _OPCODES.split())
    }

    def __init__(self, raw: bytes, archive: zipfile.ZipFile, root: str, path: Path) -> None:
        super().__init__(io.BytesIO(raw))
        self.archive, self.root, self.path = archive, root, path
        self.sizes = {info.filename: info.file_size for info in archive.infolist()}

    def find_class(self, module: str, name: str) -> Any:
        """A marker for the few names that state dicts need."""
        whole = f"{module}.{name}"
        storage = module == "torch" and name.removesuffix("Storage") in _STORAGES
        if (
            whole in ("collections.OrderedDict", *_REBUILDERS)
            or (storage and name.endswith("Storage"))
            or (module, name) in _IGNORED
        ):
            return _Global(whole)
        raise _Refused(f"its pickle asks for {whole}, which is no tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage, of which the name, the dtype and the number of elements are checked."""
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage"):
            raise _Refused("its pickle has a reference that is no storage")
        _, kind, key, _, count = pid
        name = kind.name if isinstance(kind, _Global) else ""
        dtype = _STORAGES.get(name.removeprefix("torch.").removesuffix("Storage"))
        if dtype is None or not isinstance(key, str) or not _KEY.fullmatch(key):
            raise _Refused(f"its pickle has a storage of the unknown kind {name or kind!r}")
        size = self.sizes.get(f"{self.root}/data/{key}")
        if type(count) is not int or size != count * np.dtype(dtype).itemsize:
            raise _Refused(
                f"its storage {key} has {size} bytes and should hold {count} {np.dtype(dtype)}"
            )
        return _Storage(key, np.dtype(dtype), count)

    def tensor(self, arguments: tuple) -> Tensor:
        """Checks the arguments of `_rebuild_tensor_v2` and makes a reference of them."""
        storage, offset, size, stride = arguments[:4]
        sides = (*size, *stride, offset) if isinstance(size, tuple | list) else (None,)
        if not isinstance(storage, _Storage) or not all(
            type(n) is int and 0 <= n < 2**48 for n in sides
        ):
            raise _Refused("its pickle has a tensor of an impossible size")
        if len(size) != len(stride) or len(size) > 16:
            raise _Refused("its pickle has a tensor whose sizes and strides differ in number")
        elements = math.prod(size)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if elements and (last >= storage.count or elements > storage.count):
            raise _Refused("its pickle has a tensor that reaches beyond its storage")
        name, shape, path = f"{self.root}/data/{storage.key}", tuple(size), self.path
        steps = tuple(step * storage.dtype.itemsize for step in stride)

        def read() -> np.ndarray:
            with zipfile.ZipFile(path) as archive:
                flat = np.frombuffer(_member(archive, name, path), storage.dtype)
            if not elements:
                return np.zeros(shape, storage.dtype)
            view = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)
            return np.array(view, order="C")

        return Tensor(shape, storage.dtype, read)

    def load_reduce(self) -> None:
        """Calls one of three functions: those that make an ordered dict, a tensor, a parameter."""
        arguments, function = self.stack.pop(), self.stack[-1]
        name = function.name if isinstance(function, _Global) else ""
        if not isinstance(arguments, tuple):
            raise _Refused("its pickle calls something without arguments")
        if name == "collections.OrderedDict" and not arguments:
            self.stack[-1] = {}
        elif name in _TENSORS and len(arguments) >= 4:
            self.stack[-1] = self.tensor(arguments)
        elif name == "torch._utils._rebuild_parameter" and isinstance(arguments[:1], tuple):
            if not arguments or not isinstance(arguments[0], Tensor):
                raise _Refused("its pickle has a parameter that is no tensor")
            self.stack[-1] = arguments[0]
        elif tuple(name.rsplit(".", 1)) in _IGNORED:
            self.stack[-1] = _Foreign()
        else:
            raise _Refused(f"its pickle calls {name or type(function).__name__}")

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        """An object of a training script: nothing of it is kept."""
        _, kind = self.stack.pop(), self.stack[-1]
        if not isinstance(kind, _Global) or tuple(kind.name.rsplit(".", 1)) not in _IGNORED:
            raise _Refused(f"its pickle makes an object of {getattr(kind, 'name', 'no class')}")
        self.stack[-1] = _Foreign()

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_build(self) -> None:
        """The state of an ordered dict (`_metadata`) or of such an object is dropped."""
        self.stack.pop()
        if type(self.stack[-1]) not in (dict, _Foreign):
            raise _Refused("its pickle sets the state of something that is no dict")

    dispatch[pickle.BUILD[0]] = load_build


_TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_REBUILDERS = (*_TENSORS, "torch._utils._rebuild_parameter")


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > 12:
        raise UserError("a PyTorch file is nested more than 12 levels deep")
    if isinstance(value, Mapping):
        return {str(key): _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, depth + 1) for part in value]
    return value if isinstance(value, Tensor | str | int | float | bool) else None
