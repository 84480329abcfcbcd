"""A NumPy ``.npz`` file as a data set."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from jssl.core.ranges import Inside, Ranged, Seed
from jssl.data.arrays import Arrays, noise_images
from jssl.data.class_labels import class_names
from jssl.data.files import DAMAGED_ZIP, check_archive, open_regular
from jssl.data.notes import note, shown
from jssl.data.source import Splits
from jssl.errors import UserError

_PARTS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}
_FIELDS = {"x": "image", "images": "image", "y": "label", "labels": "label"}


@dataclass(frozen=True)
class Npz(Ranged):
    """Images and labels in one ``.npz`` file.

    These names of arrays are understood, alone or by split:

    * ``image`` uint8 [N, H, W] or [N, H, W, C] and ``label`` [N] (optional), whole numbers or texts
      (`jssl.data.class_labels.encode_labels`), from which test and validation are both carved;
    * ``train_image``, ``train_label``, ``test_image``, ``test_label`` and, optionally,
      ``validation_image`` and ``validation_label``; ``val`` may stand for ``validation``, and
      ``images`` / ``labels`` for ``image`` / ``label``;
    * ``x_train``, ``y_train``, ``x_test``, ``y_test`` (and ``x_val``, ``y_val``).

    ``<split>_factor/<name>`` or ``factor/<name>`` are carried as known factors, and ``classes``
    (texts) names the classes, one for each. Other arrays are left out, which a note says.

    Attributes:
      path: of the file.
      name: of the data set; the file's stem when None.
      fraction: the part of train carved for a split that the file lacks.
      seed: of the carving.
    """

    path: str
    name: str | None = None
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> Arrays:
        """Random images of 32 pixels in its place, for tests."""
        return noise_images()

    def load(self) -> Splits:
        """Reads the file.

        Returns:
          The three splits, in memory.

        Raises:
          UserError: when the file is missing, corrupt, or holds other names, shapes or dtypes.
        """
        path = Path(self.path).expanduser()
        arrays = read_npz(path, "image=..., label=...")
        classes = arrays.pop("classes", None)
        parts: dict[str, dict[str, np.ndarray]] = {}
        owner: dict[tuple[str, str], str] = {}
        unknown = []
        for key, value in arrays.items():
            part, field = _place(key)
            if field not in ("image", "label") and not field.startswith("factor/"):
                unknown.append(key)
                continue
            other = owner.setdefault((part, field), key)
            if other != key:
                raise UserError(f"{path} holds {other} and {key}, which are the same; keep one")
            parts.setdefault(part, {})[field] = value
        if "" in parts and len(parts) == 1:
            parts = {"train": parts[""]}
        if "image" not in parts.get("train", {}) or "" in parts:
            raise UserError(
                f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; it needs image "
                "(and label), or train_image, train_label, test_image, test_label, or x_train, "
                "y_train, x_test, y_test"
            )
        if unknown:
            note(f"{path} is read without its arrays {shown(sorted(unknown))}")
        try:
            return Arrays(
                train=parts["train"],
                test=parts.get("test"),
                validation=parts.get("validation"),
                name=self.name or path.stem,
                classes=None if classes is None else class_names(classes),
                fraction=self.fraction,
                seed=self.seed,
            ).load()
        except UserError as error:
            raise UserError(f"{path}: {error}") from None


def _place(key: str) -> tuple[str, str]:
    """``train_image`` or ``x_train`` -> ("train", "image"); ``image`` -> ("", "image")."""
    head, _, tail = key.partition("_")
    if head in _PARTS and tail:
        return _PARTS[head], _FIELDS.get(tail, tail)
    if tail in _PARTS and head in _FIELDS:
        return _PARTS[tail], _FIELDS[head]
    return "", _FIELDS.get(key, key)


def read_npz(path: Path, names: str = "...") -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file, by name.

    Args:
      path: of the file.
      names: what such a file is written with, for the sentence about a damaged one.

    Raises:
      UserError: when it is missing, no regular file, damaged, holds Python objects, or unpacks to
        more than the limit (`jssl.data.files`).
    """
    try:
        with open_regular(path) as stream:
            return _members(stream, path)
    except (
        OSError,
        ValueError,
        EOFError,
        AttributeError,
        KeyError,
        TypeError,
        *DAMAGED_ZIP,
    ) as error:
        reason = str(error).split("\n")[0].rstrip(".") or "it is cut short or damaged"
        raise UserError(
            f"{path} is not a readable .npz file ({reason}); write it again with "
            f"numpy.savez(path, {names})"
        ) from None


def array_shapes(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shapes and dtypes in the headers of a ``.npz`` or ``.npy`` file, without reading arrays.

    Args:
      path: of the file.

    Returns:
      Name -> (shape, dtype), the name "image" for the array of a ``.npy`` file; empty for a file
      that is damaged, which reading it says.
    """
    try:
        with open_regular(path) as stream:
            if path.suffix.lower() == ".npy":
                return {"image": npy_header(stream)}
            found = {}
            with zipfile.ZipFile(stream) as archive:
                for info in archive.infolist():
                    if info.filename.endswith(".npy"):
                        with archive.open(info) as member:
                            found[info.filename.removesuffix(".npy")] = npy_header(member)
            return found
    except (UserError, OSError, ValueError, EOFError, KeyError, TypeError, *DAMAGED_ZIP):
        return {}


def read_npy(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file.

    Raises:
      UserError: it is missing, no regular file, damaged or cut short, or holds Python objects.
    """
    try:
        with open_regular(path) as stream:
            shape, dtype = npy_header(stream)
            if dtype.hasobject:
                raise ValueError("it holds Python objects, which can run code")
            body = path.stat().st_size - stream.tell()
            if math.prod(shape) * dtype.itemsize != body:
                raise ValueError(f"it says shape {list(shape)} of {dtype} and has {body} bytes")
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        reason = str(error).split("\n")[0].rstrip(".") or "it is cut short or damaged"
        raise UserError(
            f"{path} is not a readable .npy file ({reason}); write it again with numpy.save"
        ) from None


def _members(stream: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Reads each array after its header, which says how much to make room for, was checked."""
    with zipfile.ZipFile(stream) as archive:
        check_archive(archive, path)
        found = {}
        for info in archive.infolist():
            with archive.open(info) as member:
                shape, dtype = npy_header(member)
                body = info.file_size - member.tell()
                if dtype.hasobject:
                    raise ValueError(
                        f"{info.filename} holds Python objects, which can run code; texts need "
                        "dtype=str"
                    )
                if math.prod(shape) * dtype.itemsize != body:
                    raise ValueError(
                        f"{info.filename} says shape {list(shape)} of {dtype} and has {body} bytes"
                    )
            with archive.open(info) as member:
                array = np.lib.format.read_array(member, allow_pickle=False)
            found[info.filename.removesuffix(".npy")] = array
        return found


def npy_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype in the header of a ``.npy`` stream, which is left at the array's bytes."""
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(member)
    if version == (3, 0):  # as 2.0, in UTF-8, for field names that no array here has
        raise ValueError("it has named fields")
    shape, _, dtype = read[version](member)
    return shape, dtype
