"""Writes files of PyTorch's zip format by hand, sound ones and others."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {
    "float32": "Float",
    "float16": "Half",
    "float64": "Double",
    "int64": "Long",
    "bool": "Bool",
}


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def sequence(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def name(module: str, attribute: str) -> bytes:
    return b"c" + f"{module}\n{attribute}\n".encode()


def tensor(
    key: str,
    kind: str,
    count: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int = 0,
) -> bytes:
    """`_rebuild_tensor_v2` of a storage."""
    storage = b"(" + text("storage") + name("torch", f"{kind}Storage") + text(key)
    storage += text("cpu") + number(count) + b"tQ"
    ordered = name("collections", "OrderedDict") + b")R"
    arguments = storage + number(offset) + sequence(shape) + sequence(strides) + b"\x89" + ordered
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def state_dict(arrays: Mapping[str, np.ndarray]) -> tuple[bytes, dict[str, bytes]]:
    """The instructions that make a dict of arrays, and its storages."""
    entries, storages = {}, {}
    for i, (key, value) in enumerate(arrays.items()):
        flat = np.asarray(value, order="C")
        steps = tuple(step // flat.itemsize for step in flat.strides)
        entries[key] = tensor(str(i), KINDS[str(flat.dtype)], flat.size, flat.shape, steps)
        storages[str(i)] = flat.tobytes()
    return dictionary(entries), storages


def write(path: Path, body: bytes, storages: Mapping[str, bytes], **more: Any) -> Path:
    """Writes the zip; `more` gives further entries, or replaces the method of compression."""
    method = more.pop("method", zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("archive/data.pkl", b"\x80\x02" + body + b".")
        for key, raw in storages.items():
            file.writestr(f"archive/data/{key}", raw)
        file.writestr("archive/version", b"3\n")
        for key, raw in more.items():
            file.writestr(f"archive/{key}", raw)
    return path
