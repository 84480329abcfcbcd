"""Sorts files into splits and classes by their folders."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jssl.data.files import special
from jssl.data.notes import note, shown
from jssl.errors import UserError

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
_FOLDER = "a folder"  # in the words of `special`
_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")  # in small letters; passed over like hidden ones


@dataclass(frozen=True)
class Kind:
    """A kind of file to look for.

    Attributes:
      name: of one such file, for messages.
      suffixes: in lower case, with the dot.
    """

    name: str
    suffixes: Collection[str]


@dataclass(frozen=True)
class Listing:
    """The files of one split.

    Attributes:
      root: the folder that `files` are relative to.
      files: N paths, by class and then by name.
      label: int32 [N]; None if the classes are unknown.
    """

    root: Path
    files: list[str]
    label: np.ndarray | None


@dataclass
class Passed:
    """What a walk through folders skipped, for one note.

    Attributes:
      others: files of another kind.
      empty: class folders without a file of the kind.
      doubled: links to files, and second names of them, that are listed already.
      unreadable: dangling and circular links, FIFOs, sockets and devices.
      outside: files and folders that belong to no class or split.
    """

    others: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def log(self, root: Path, kind: Kind) -> None:
        """Logs a note about what was skipped, relative to a folder, if anything was."""
        start = f"{root}/"
        counted = (
            (self.others, f"files that are no {kind.name}s"),
            (self.empty, f"folders without {kind.name}s"),
            (self.doubled, "further names of files that are listed already"),
            (self.unreadable, "links or special files that cannot be read"),
            (self.outside, "entries outside of the layout"),
        )
        parts = [
            f"{len(names)} {what} ({shown(sorted(name.removeprefix(start) for name in names))})"
            for names, what in counted
            if names
        ]
        if parts:
            note(f"{root} is read without {'; '.join(parts)}")


def split_folders(root: Path) -> dict[str, Path]:
    """The folders of the splits in a folder.

    Their names are `train` or `training`, `validation`, `val` or `valid`, and `test` or `testing`,
    ignoring case.

    Args:
      root: the folder.

    Returns:
      ("train", "validation", "test", those that there are -> folder).

    Raises:
      UserError: two folders are the same split.
    """
    meant = {name: split for split, names in SPLITS.items() for name in names}
    found: dict[str, Path] = {}
    for child in sorted(root.iterdir()):
        split = meant.get(child.name.lower())
        if split is None or not child.is_dir():
            continue
        if split in found:
            raise UserError(
                f"{root} has two folders for the {split} split, {found[split].name} and "
                f"{child.name}; keep one of them"
            )
        found[split] = child
    return {split: found[split] for split in SPLITS if split in found}


def list_splits(path: str, kind: Kind) -> tuple[dict[str, Listing], tuple[str, ...]]:
    """Finds the files of the layouts that `jssl.data.ImageFolder` describes.

    Each file is listed once, however many links lead to it. Skipped files are counted and named in
    a note (`jssl.data.notes`).

    Args:
      path: of the folder.
      kind: of the files.

    Returns:
      ("train" and perhaps "validation" and "test" -> files, names of the classes).

    Raises:
      UserError: when there is no such folder, no file, a class that train lacks, a split twice or
        without train, or splits inside the folders of classes.
    """
    root = existing(path)
    folders = split_folders(root)
    passed = Passed()
    if not folders:
        parts = {"train": root}
    elif "train" not in folders:
        raise UserError(
            f"{root} has a folder {next(iter(folders.values())).name}, which is a split, and none "
            "of the name train; name the folder of the training data train, or keep classes alone "
            "in it"
        )
    else:
        parts = folders
        if "test" not in parts and "validation" in parts:
            parts = {"train": parts["train"], "test": parts["validation"]}
        passed.outside += [
            str(child)
            for child in _visible(root)
            if child not in folders.values() and _holds(child, kind)
        ]
    sorted_out = {part: _by_class(folder, kind, passed) for part, folder in parts.items()}
    _keep_once(sorted_out, passed)
    classes = _names(parts["train"], sorted_out["train"], kind)
    listed = {
        part: _listing(parts[part], members, classes, kind) for part, members in sorted_out.items()
    }
    passed.log(root, kind)
    order = ("train", "validation", "test")
    return {part: listed[part] for part in order if part in listed}, classes


def list_flat(root: Path, kind: Kind) -> Listing | None:
    """Files without classes, directly in a folder; None if there are none.

    Everything else in the folder, including sub-folders, is counted and named in a note.

    Raises:
      UserError: there are folders of splits as well.
    """
    passed, above = Passed(), (_identity(root),)
    files = []
    for child in _visible(root):
        what = _what(child, above)
        if what == _FOLDER:
            passed.outside.append(str(child))
        elif what is not None:
            passed.unreadable.append(f"{child}, {what}")
        elif child.suffix.lower() in kind.suffixes:
            files.append(child)
        else:
            passed.others.append(str(child))
    if not files:
        return None
    folders = split_folders(root)
    if folders:
        raise UserError(
            f"{root} holds {len(files)} {kind.name}s beside the folders {', '.join(folders)}; put "
            "them into folders of classes there, or elsewhere"
        )
    parts = {"train": {"": files}}
    _keep_once(parts, passed)
    passed.log(root, kind)
    return Listing(root, [file.name for file in parts["train"][""]], None)


def existing(path: str) -> Path:
    """The folder of a path, made absolute.

    Raises:
      UserError: when there is none.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give a folder with one folder per class")
    return root.resolve()


def files_in(folder: Path, kind: Kind, passed: Passed | None = None) -> Iterator[Path]:
    """Files of a kind at any depth, in the order of their paths.

    Hidden files and files created by operating systems are skipped. Links are followed, but not
    into a parent folder of the link.

    Args:
      folder: where to look.
      kind: of the files.
      passed: records what was skipped.

    Raises:
      UserError: a folder cannot be opened.
    """
    yield from _walk(folder, kind, Passed() if passed is None else passed, ())


def _walk(
    folder: Path, kind: Kind, passed: Passed, above: tuple[tuple[int, int], ...]
) -> Iterator[Path]:
    above = (*above, _identity(folder))
    for child in _visible(folder):
        what = _what(child, above)
        if what == _FOLDER:
            yield from _walk(child, kind, passed, above)
        elif what is not None:
            passed.unreadable.append(f"{child}, {what}")
        elif child.suffix.lower() in kind.suffixes:
            yield child
        else:
            passed.others.append(str(child))


def _what(child: Path, above: tuple[tuple[int, int], ...]) -> str | None:
    """The kind of a path: None for a file, `_FOLDER`, or a description of what cannot be read."""
    try:
        what = special(child)
        if what != _FOLDER:
            return what
        around = child.is_symlink() and child.resolve() in child.parent.resolve().parents
        if around or _identity(child) in above:
            return "a link to a folder that it lies in"
        return _FOLDER
    except OSError:
        return "a link that leads nowhere"


def _visible(folder: Path) -> list[Path]:
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be opened ({error.strerror})") from None
    return [c for c in children if c.name[0] != "." and c.name.lower() not in _SYSTEM]


def _identity(path: Path) -> tuple[int, int]:
    """A key that is equal for two names of the same file or folder."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _holds(path: Path, kind: Kind) -> bool:
    if path.is_dir():
        return next(files_in(path, kind), None) is not None
    return path.suffix.lower() in kind.suffixes


def _by_class(folder: Path, kind: Kind, passed: Passed) -> dict[str, list[Path]]:
    """Name of a sub-folder -> files in it, for all sub-folders that have some."""
    found, above = {}, (_identity(folder),)
    for child in _visible(folder):
        what = _what(child, above)
        if what is None:
            file = child.suffix.lower() in kind.suffixes
            (passed.outside if file else passed.others).append(str(child))
            continue
        if what != _FOLDER:
            passed.unreadable.append(f"{child}, {what}")
            continue
        if "train" in split_folders(child):
            raise UserError(
                f"{child} holds folders of splits, and would be taken for a class; give it as the "
                "data set, or put the folders of classes into those of splits"
            )
        members = list(_walk(child, kind, passed, above))
        if members:
            found[child.name] = members
        else:
            passed.empty.append(str(child))
    return found


def _keep_once(parts: dict[str, dict[str, list[Path]]], passed: Passed) -> None:
    """Keeps one name of each file, the first one that is not a link if possible."""
    kept: dict[tuple[int, int], Path] = {}
    every = [file for part in parts.values() for members in part.values() for file in members]
    for file in every:
        own = _identity(file)
        if own not in kept or (_linked(kept[own]) and not _linked(file)):
            kept[own] = file
    if len(kept) == len(every):
        return
    names = set(kept.values())
    passed.doubled += [str(file) for file in every if file not in names]
    for split, part in parts.items():
        own = {name: [f for f in files if f in names] for name, files in part.items()}
        if part and not any(own.values()):
            raise UserError(
                f"all files of the {split} split are links to files of another one, such as "
                f"{next(iter(part.values()))[0]}; each split needs files of its own"
            )
        parts[split] = {name: files for name, files in own.items() if files}


def _linked(file: Path) -> bool:
    return file.resolve() != file


def _names(folder: Path, members: dict[str, list[Path]], kind: Kind) -> tuple[str, ...]:
    if not members:
        direct = sum(child.suffix.lower() in kind.suffixes for child in _visible(folder))
        what = f"{direct} {kind.name}s beside each other" if direct else f"no {kind.name}s"
        raise UserError(
            f"{folder} holds {what}; it needs one folder of {kind.name} files per class"
        )
    return tuple(sorted(members))


def _listing(
    folder: Path, members: dict[str, list[Path]], classes: tuple[str, ...], kind: Kind
) -> Listing:
    unknown = sorted(set(_names(folder, members, kind)) - set(classes))
    if unknown:
        raise UserError(
            f"{folder} has the class {unknown[0]!r}, which train lacks; every class needs "
            f"training {kind.name}s"
        )
    files: list[str] = []
    label: list[int] = []
    for number, name in enumerate(classes):
        own = members.get(name, [])
        files += [str(file.relative_to(folder)) for file in own]
        label += [number] * len(own)
    return Listing(folder, files, np.asarray(label, np.int32))
