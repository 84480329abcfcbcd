"""Weights in files and folders of any supported form, as named arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.files import open_regular
from jssl.errors import UserError
from jssl.weights.safetensors import read_safetensors
from jssl.weights.torch_files import Tensor, read_torch

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".tar", ".ckpt", ".torch")
_INDEX = ".safetensors.index.json"
_SHARDS_LIMIT = 10_000


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The content of a file or folder of weights.

    Attributes:
      path: of the file, or of the index of several.
      tree: nested mappings whose leaves are arrays, `Tensor` references, numbers or texts.
      config: the `config.json` beside it, or {}.
      sha256: of the files' bytes.
    """

    path: Path
    tree: Mapping[str, Any]
    config: Mapping[str, Any]
    sha256: str

    def containers(self) -> dict[str, dict[str, Any]]:
        """Every mapping that holds tensors, by its path such as "state_dict"; "" for the top."""
        return dict(_containers(self.tree))


def _containers(tree: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    own = {name: leaf for name, leaf in tree.items() if isinstance(leaf, Tensor | np.ndarray)}
    if own:
        yield at, own
    for name, part in tree.items():
        if isinstance(part, Mapping):
            yield from _containers(part, f"{at}.{name}" if at else name)


def array(leaf: Any) -> np.ndarray:
    """The values of a leaf of `Checkpoint.tree`."""
    return leaf.read() if isinstance(leaf, Tensor) else leaf


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a file or folder of weights.

    Args:
      path: a safetensors file, a file of `torch.save`, an index of safetensors shards, or a folder
        with one of them, as model hubs have it.

    Returns:
      The content; the tensors of PyTorch files are read when they are used.

    Raises:
      UserError: there is no such file, it is of another kind, or it is damaged.
    """
    path = Path(path)
    if path.is_dir():
        path = _in_folder(path)
    if path.name.endswith(_INDEX):
        files, tree = _shards(path)
    elif path.suffix == ".safetensors":
        files, tree = [path], read_safetensors(path)[0]
    else:
        with open_regular(path) as stream:
            start = stream.read(5)
        if start.startswith(b"%PDF"):
            raise UserError(f"{path} is a PDF, not a file of weights ({', '.join(SUFFIXES)})")
        files, tree = [path], read_torch(path)
    if not any(_containers(tree)):
        raise UserError(f"{path} holds no tensors")
    return Checkpoint(path, tree, _config(path.parent), _sha256(files))


def _in_folder(folder: Path) -> Path:
    for pattern in (f"*{_INDEX}", "*.safetensors", *(f"*{suffix}" for suffix in SUFFIXES[1:])):
        found = sorted(p for p in folder.glob(pattern) if not p.name.startswith("."))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(p.name for p in found[:5])
            raise UserError(f"{folder} has several files of weights ({names}): name one of them")
    held = sorted({p.suffix or p.name for p in folder.iterdir()})
    raise UserError(
        f"{folder} has no file of weights ({', '.join(SUFFIXES)}); it holds "
        f"{', '.join(held[:6]) or 'nothing'}"
    )


def _shards(path: Path) -> tuple[list[Path], dict[str, np.ndarray]]:
    try:
        places = json.loads(path.read_text())["weight_map"]
        names = sorted(set(places.values()))
        sound = all(type(n) is str and n == Path(n).name for n in names)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        raise UserError(f"{path} is no index of safetensors shards: it has no weight_map") from None
    if not sound or len(names) > _SHARDS_LIMIT:
        raise UserError(f"{path} names a shard outside of its folder")
    tensors: dict[str, np.ndarray] = {}
    for name in names:
        part, _ = read_safetensors(path.parent / name)
        wanted = {key for key, place in places.items() if place == name}
        if wanted != part.keys():
            key = min(wanted ^ part.keys())
            raise UserError(
                f"{path.parent / name} and its index differ: {key} is in only one of them"
            )
        tensors |= part
    return [path, *(path.parent / name for name in names)], tensors


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error})") from None
    return config if isinstance(config, dict) else {}


def _sha256(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with open_regular(file) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
