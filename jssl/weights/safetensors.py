"""Reading and writing of safetensors files, by the library of that name.

The format is a JSON header (name, dtype, shape and byte range of every tensor) followed by the raw
bytes (https://github.com/huggingface/safetensors). Reading executes nothing.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save_file

from jssl.data.files import open_regular
from jssl.errors import UserError

_HEADER_LIMIT = 100_000_000  # bytes, as in the reference implementation


def write_safetensors(
    path: str | Path, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None
) -> None:
    """Writes arrays to a safetensors file; equal arrays give equal bytes.

    The file is written beside its place and moved there, so that it is never half written.

    Args:
      path: of the file; replaced if it exists.
      tensors: NumPy or JAX arrays by name, of any dtype that the format has, bfloat16 included.
      metadata: texts by name.

    Raises:
      UserError: an array has another dtype, a name is reserved, or the file cannot be written.
    """
    path = Path(path)
    if "__metadata__" in tensors:
        raise UserError(f"{path}: no tensor may be called '__metadata__', the format reserves it")
    # The library writes the memory of an array as it lies, so a transposed view would be wrong.
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    new = path.with_name(f"new.{path.name}")
    try:
        save_file(arrays, new, dict(metadata or {}))
        os.replace(new, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from None
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} cannot be written ({error})") from None
    finally:
        new.unlink(missing_ok=True)


def read_safetensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads a safetensors file.

    Args:
      path: of the file.

    Returns:
      (arrays by name, metadata). bfloat16 keeps its dtype (`ml_dtypes.bfloat16`).

    Raises:
      UserError: the file is missing, cut short, or does not follow the format.
    """
    path = Path(path)
    metadata = _check_header(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return dict(file.get_tensors()), metadata
    except safetensors.SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise UserError(
            f"{path} is no whole safetensors file ({reason}): it may be cut short; copy or "
            "download it again"
        ) from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} cannot be read as safetensors ({error})") from None


def _check_header(path: Path) -> dict[str, str]:
    """Checks what the library does not, equal names, and returns the metadata."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        first = stream.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else size
        if length > min(_HEADER_LIMIT, size - 8):
            raise UserError(
                f"{path} is no safetensors file: its first eight bytes do not give the length of a "
                f"header that fits into its {size} bytes"
            )
        raw = stream.read(length)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"{path} names {twice!r} twice in its header")
        return dict(pairs)

    try:
        header = json.loads(raw.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise UserError(f"{path} is no safetensors file: its header is not a JSON object")
    metadata = header.get("__metadata__", {})
    return metadata if isinstance(metadata, dict) else {}
