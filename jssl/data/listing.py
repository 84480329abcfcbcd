"""Files sorted into splits and classes by the folders that they lie in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jssl.errors import UserError


@dataclass(frozen=True)
class Kind:
    """What files are looked for.

    Attributes:
      name: of one of them, for messages.
      suffixes: in small letters, with the dot.
    """

    name: str
    suffixes: Collection[str]


@dataclass(frozen=True)
class Listing:
    """The files of one split.

    Attributes:
      root: the folder that `files` are relative to.
      files: N paths, by class and then by name.
      label: int32 [N]; None where nothing says the classes.
    """

    root: Path
    files: list[str]
    label: np.ndarray | None


def list_splits(path: str, kind: Kind) -> tuple[dict[str, Listing], tuple[str, ...]]:
    """Finds the files of the layouts that `jssl.data.ImageFolder` describes.

    Args:
      path: of the folder.
      kind: of the files.

    Returns:
      ("train" and perhaps "validation" and "test" -> files, names of the classes).

    Raises:
      UserError: when there is no such folder, no file, or a class that train lacks.
    """
    root = existing(path)
    folders = {part: root / part for part in ("train", "validation", "val", "test")}
    found = {part: folder for part, folder in folders.items() if folder.is_dir()}
    if "train" not in found:
        classes = _classes(root, kind)
        return {"train": _listing(root, classes, kind)}, classes
    classes = _classes(found["train"], kind)
    held_out, test = found.get("validation", found.get("val")), found.get("test")
    if test is None:
        held_out, test = None, held_out
    parts = {"train": found["train"], "validation": held_out, "test": test}
    listed = {part: _listing(f, classes, kind) for part, f in parts.items() if f is not None}
    return listed, classes


def existing(path: str) -> Path:
    """The folder of a path, made absolute.

    Raises:
      UserError: when there is none.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give a folder with one folder per class")
    return root.resolve()


def files_in(folder: Path, kind: Kind) -> Iterator[Path]:
    """Files of a kind at any depth, in the order of their paths; hidden ones are passed over."""
    for child in sorted(folder.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from files_in(child, kind)
        elif child.suffix.lower() in kind.suffixes:
            yield child


def _listing(folder: Path, classes: tuple[str, ...], kind: Kind) -> Listing:
    own = _classes(folder, kind)
    unknown = sorted(set(own) - set(classes))
    if unknown:
        raise UserError(
            f"{folder} has the class {unknown[0]!r}, which train lacks; every class needs "
            f"training {kind.name}s"
        )
    files: list[str] = []
    label: list[int] = []
    for number, name in enumerate(classes):
        members = list(files_in(folder / name, kind)) if name in own else []
        files += [str(file.relative_to(folder)) for file in members]
        label += [number] * len(members)
    return Listing(folder, files, np.asarray(label, np.int32))


def _classes(folder: Path, kind: Kind) -> tuple[str, ...]:
    """Sub-folders that hold at least one file, in the order of their names."""
    names = sorted(
        child.name
        for child in folder.iterdir()
        if child.is_dir() and not child.name.startswith(".")
    )
    names = [name for name in names if next(files_in(folder / name, kind), None) is not None]
    if not names:
        raise UserError(
            f"{folder} holds no {kind.name}s; it needs one folder of {kind.name} files per class"
        )
    return tuple(names)
