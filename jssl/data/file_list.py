"""The files of a folder with their labels, groups and splits, flat or nested."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jssl.core.ranges import Ranged
from jssl.data.class_labels import encode_labels
from jssl.data.file_table import read_column
from jssl.data.listing import Kind, Passed, existing, files_in, split_folders
from jssl.data.notes import shown
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.targets import read_targets
from jssl.errors import UserError

_SIDE_FILES = frozenset(
    {".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html", ".parquet", ""}
)
"""Suffixes of files that lie beside data and say something of them."""
_FEWEST = 4  # files that three splits and a batch of two need


@dataclass(frozen=True)
class Listed:
    """What a `FileList` found.

    Attributes:
      root: the folder that `files` are relative to.
      files: N relative paths, sorted.
      label: int32 [N], or None.
      classes: names of the classes; () without labels.
      labels_from: where labels are from, in words; "" without labels.
      tags: for several labels a file, uint8 [N, K]; None otherwise.
      tag_names: K names.
      parts: "train", "validation", "test" -> positions in `files`; disjoint.
    """

    root: Path
    files: list[str]
    label: np.ndarray | None
    classes: tuple[str, ...]
    labels_from: str
    tags: np.ndarray | None
    tag_names: tuple[str, ...]
    parts: dict[str, np.ndarray]

    def targets(self, index: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """ "label" or "tags" of some files, of all for None; {} without labels."""
        known = {"label": self.label, "tags": self.tags}
        chosen = slice(None) if index is None else index
        return {key: value[chosen] for key, value in known.items() if value is not None}


@dataclass(frozen=True)
class FileList(Ranged):
    """Which files of a folder make a data set; the folder may be flat or nested.

    If there are folders `train` and, perhaps, `validation` and `test` (or `training`, `val`,
    `valid`, `testing`), these are the splits; with a validation and no test folder, as ImageNet is
    kept, the validation folder is the test split. Splits that are not there are drawn by `split`.

    Labels are the names of the sub-folders if the folder (or that of train) holds files in at least
    two sub-folders, none directly, and on average at least two files in each; `label` says
    otherwise.

    Attributes:
      path: the folder.
      label: "folder", "folder:N" for the N-th folder below `path` (negative from the file: -1 is
        the one that it lies in), "none", or a CSV file (`FILE.csv` or `FILE.csv:COLUMN`) with the
        name of each file and its label; several labels of a file are separated by ";" or "|", or
        have a column of 0 or 1 each (`FILE.csv:sea,sun`, or all columns). None takes sub-folders if
        they look like classes, those of an only sub-folder included.
      group: a CSV file with the name of each file and its group; None for none.
      split: how missing splits are drawn.
    """

    path: str
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)

    def listed(self, kind: Kind) -> Listed:
        """Finds the files.

        Args:
          kind: of the files.

        Raises:
          UserError: there is no such folder; too few files of the kind, or more of another kind;
            or labels or groups that do not fit the files.
        """
        root = existing(self.path)
        passed = Passed()
        files = sorted(_once(files_in(root, kind, passed)))
        others = [o for o in passed.others if Path(o).suffix.lower() not in _SIDE_FILES]
        if not files or len(others) > len(files):
            found = f"{len(files)} {kind.name}{'' if len(files) == 1 else 's'}"
            rest = f" and {len(others)} files of other kinds ({shown(others)})" if others else ""
            raise UserError(
                f"{root} holds {found}{rest}; give a folder of {kind.name}s "
                f"({', '.join(sorted(kind.suffixes))})"
            )
        if len(files) < _FEWEST:
            raise UserError(
                f"{root} holds {len(files)} {kind.name}{'' if len(files) == 1 else 's'}, and three "
                f"splits and a batch need at least {_FEWEST}"
            )
        passed.log(root, kind)
        names = [str(file.relative_to(root)) for file in files]
        given = _given_parts(root, files)
        label, classes, source, tags, tag_names = self._labels(root, names, given)
        group = None
        if self.group is not None:
            group = np.unique(read_column(self.group, names, "group"), return_inverse=True)[1]
        parts = self._parts(root, kind, len(files), given, label, group)
        if group is not None:
            _check_groups(group, parts, root, names)
        return Listed(root, names, label, classes, source, tags, tag_names, parts)

    def _labels(
        self, root: Path, names: list[str], given: dict[str, np.ndarray]
    ) -> tuple[np.ndarray | None, tuple[str, ...], str, np.ndarray | None, tuple[str, ...]]:
        nothing = (None, (), "", None, ())
        if self.label == "none":
            return nothing
        level = _level(self.label)
        if self.label is not None and level is None:
            written = read_column(self.label, names, "label")
            found = read_targets({"all": written}, self.label)
            own = found.arrays["all"]
            where = f"labels of {Path(self.label).name}"
            return own.get("label"), found.classes, where, own.get("tags"), found.tags
        start = 1 if given else 0
        steps = [Path(name).parts[start:-1] for name in names]
        if self.label is None:  # an unpacked archive often lies in a folder of its own
            while len({step[:1] for step in steps}) == 1 and min(map(len, steps)) > 1:
                steps = [step[1:] for step in steps]
        position = 0 if not level else level - (level > 0)
        folders = [step[position] if -len(step) <= position < len(step) else "" for step in steps]
        counts = Counter(folders)
        looks = "" not in counts and len(counts) > 1 and len(names) >= 2 * len(counts)
        if self.label is not None and "" in counts:
            direct = names[folders.index("")]
            raise UserError(f"{root / direct} lies in no folder of a class; give --label otherwise")
        if not looks and self.label is None:
            return nothing
        numbers, classes = encode_labels({"all": folders}, str(root))
        return numbers["all"], classes, "labels from sub-folders", None, ()

    def _parts(
        self,
        root: Path,
        kind: Kind,
        count: int,
        given: dict[str, np.ndarray],
        label: np.ndarray | None,
        group: np.ndarray | None,
    ) -> dict[str, np.ndarray]:
        what = f"{kind.name}s of {root}"
        if not given:
            return self.split.draw(count, what, label=label, group=group)
        missing = tuple(part for part in PARTS if part not in given)
        if not missing:
            return given
        rows = given["train"]
        drawn = self.split.draw(
            len(rows),
            what,
            label=None if label is None else label[rows],
            group=None if group is None else group[rows],
            parts=("train", *missing),
        )
        return given | {part: rows[own] for part, own in drawn.items()}


def _given_parts(root: Path, files: list[Path]) -> dict[str, np.ndarray]:
    """Positions of the files in each folder of a split; empty if there are no such folders."""
    folders = split_folders(root)
    if "train" not in folders:
        return {}
    if "test" not in folders and "validation" in folders:
        folders = {"train": folders["train"], "test": folders["validation"]}
    tops = [file.relative_to(root).parts[0] for file in files]
    found = {
        part: np.flatnonzero([top == folder.name for top in tops])
        for part, folder in folders.items()
    }
    empty = [folders[part].name for part, rows in found.items() if not len(rows)]
    if empty:
        raise UserError(f"{root / empty[0]} is the folder of a split and holds no file of the kind")
    outside = len(files) - sum(map(len, found.values()))
    if outside:
        raise UserError(
            f"{root} has folders of splits and {outside} files beside them; move those into one of "
            "the folders, or elsewhere"
        )
    return found


def _level(label: str | None) -> int | None:
    """The level of folders that are labels, 0 for "folder" alone; None for another label."""
    head, colon, tail = (label or "").partition(":")
    if head != "folder" or (colon and not tail.removeprefix("-").isdigit()) or tail == "0":
        return None
    return int(tail) if colon else 0


def _check_groups(
    group: np.ndarray, parts: dict[str, np.ndarray], root: Path, names: list[str]
) -> None:
    """Refuses a group in two splits, which folders of splits can cause."""
    owner: dict[int, str] = {}
    for part, rows in parts.items():
        for row in rows:
            other = owner.setdefault(int(group[row]), part)
            if other != part:
                raise UserError(
                    f"{root / names[row]} is in the {part} split and others of its group are in "
                    f"{other}; the folders of splits and the groups contradict each other"
                )


def _once(files: object) -> list[Path]:
    """Each file under one name, the first that is not a link if there is one."""
    kept: dict[tuple[int, int], Path] = {}
    for file in files:
        status = file.stat()
        key = status.st_dev, status.st_ino
        if key not in kept or (kept[key].is_symlink() and not file.is_symlink()):
            kept[key] = file
    return list(kept.values())
