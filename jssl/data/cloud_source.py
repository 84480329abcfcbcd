"""One's own point clouds: meshes, scans and arrays, with or without labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Positive, Ranged
from jssl.data.checks import finite, measurable
from jssl.data.clouds import check_extent, pad
from jssl.data.file_list import FileList, Listed
from jssl.data.holdout import divide
from jssl.data.listing import files_in, split_folders
from jssl.data.meshes import Mesh
from jssl.data.notes import note
from jssl.data.npz import read_npz
from jssl.data.order import random_words
from jssl.data.shape_files import SHAPES, read_shape, spread
from jssl.data.solids import Solids
from jssl.data.source import ArraySource, Splits, SubsetSource
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.targets import Targets, read_targets
from jssl.errors import UserError

_FEW_FILES = 10  # scans, below which each is divided by directions
_SECTORS = 24  # directions of 15 degrees
_POINTS = ("points", "xyz", "clouds")
_LEAST = 0.25  # of the points of a cloud, which a block has at least


@dataclass(frozen=True)
class CloudSource(Ranged):
    """Clouds from files of shapes or scans, or from one `.npz`.

    * Files at any depth of a folder, or one file (`jssl.data.shape_files.read_shape`). Points are
      drawn from the surface of a mesh; a file of points gives a random choice of them.
    * `.npz`: `points` float [N, P, 3] (also called xyz) and, optionally, `label` [N], `group` [N]
      and `count` [N] (the first so many points are real).

    With `block`, each file is cut into square blocks on the ground (x and y), and each block with
    at least a quarter of `points` is a cloud, centred at the block. Blocks of a file stay in one
    split. Where there are fewer than ten files, splits are directions seen from the origin, in
    sectors of 15 degrees, instead.

    Attributes:
      path: of the folder or the file.
      points: of a cloud, at most.
      block: side of a block in the files' unit, or None for a cloud a file.
      label: see `jssl.data.file_list.FileList`; "none" for those of an `.npz`.
      group: likewise.
      split: likewise.
    """

    path: str
    points: Count = 1024
    block: Positive | None = None
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> Solids:
        """A few procedural clouds in its place, for tests."""
        return Solids().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `points/xyz` and `points/valid` (see `jssl.data.clouds.pad`) and, where there
          are labels, `label` int32.

        Raises:
          UserError: there are no shapes, one cannot be read, or has no block with enough points.
        """
        path = Path(self.path).expanduser()
        if path.suffix.lower() == ".npz":
            return self._arrays(path)
        listed = self._listed(path)
        clouds, file, sector = self._clouds([listed.root / name for name in listed.files])
        arrays = pad(clouds, self.points)
        arrays |= listed.targets(file)
        source = ArraySource(arrays)
        name = path.resolve().name.partition(".")[0]
        if listed.parts:
            parts = {
                part: np.flatnonzero(np.isin(file, files)) for part, files in listed.parts.items()
            }
        elif self.block is None:
            raise UserError(
                f"{path}: {len(listed.files)} shapes are too few for train, validation and test; "
                "give more, or cut them into blocks"
            )
        else:
            rule = replace(self.split, by="group")
            parts = rule.draw(len(clouds), f"blocks of {path}", group=sector)
        subsets = {part: SubsetSource(source, parts[part]) for part in PARTS}
        return Splits(**subsets, name=name, classes=listed.classes, tags=listed.tag_names)

    def _listed(self, path: Path) -> Listed:
        """The files; without `parts` where blocks are divided by their directions."""
        if path.is_file():
            return Listed(path.parent, [path.name], None, (), "", None, (), {})
        if path.is_dir() and self.block and self.group is None and not split_folders(path):
            few = sorted(str(p.relative_to(path)) for p in files_in(path, SHAPES))
            if 0 < len(few) < _FEW_FILES:
                return Listed(path, few, None, (), "", None, (), {})
        return FileList(self.path, self.label, self.group, self.split).listed(SHAPES)

    def _clouds(self, paths: list[Path]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Clouds, the file of each, and its direction from the origin (a sector)."""
        clouds, file, sector, wrong = [], [], [], []
        for number, path in enumerate(paths):
            try:
                shape = read_shape(path)
                found = self._blocks(shape, path) if self.block else [self._whole(shape, path)]
            except UserError as error:
                wrong.append(error)
                continue
            for cloud, centre in found:
                clouds.append(cloud)
                file.append(number)
                turn = np.arctan2(centre[1], centre[0]) / (2 * np.pi) % 1.0
                sector.append(int(turn * _SECTORS))
        if wrong:
            more = f" ({len(wrong) - 1} more of {len(paths)} cannot be used)"
            raise UserError(f"{wrong[0]}{more if len(wrong) > 1 else ''}")
        return clouds, np.asarray(file), np.asarray(sector)

    def _whole(self, shape: np.ndarray | Mesh, path: Path) -> tuple[np.ndarray, np.ndarray]:
        count = self.points if isinstance(shape, tuple) else len(shape)
        return spread(shape, self.points, _uniform(self.split.seed, path, count)), np.zeros(3)

    def _blocks(self, shape: np.ndarray | Mesh, path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
        """The blocks with enough points, each with its centre."""
        if isinstance(shape, tuple):
            raise UserError(f"{path} is a mesh, and only scans and points are cut into blocks")
        place = np.floor(shape[:, :2] / self.block)
        _, owner = np.unique(place, axis=0, return_inverse=True)
        order = np.argsort(owner.reshape(-1), kind="stable")
        bounds = np.cumsum(np.bincount(owner.reshape(-1)))[:-1]
        uniform = _uniform(self.split.seed, path, len(shape))
        found = []
        for rows in np.split(order, bounds):
            if len(rows) < max(_LEAST * self.points, 2):
                continue
            centre = np.append((place[rows[0]] + 0.5) * self.block, 0.0)
            cloud = spread(shape[rows] - centre, self.points, uniform[rows])
            if (cloud != cloud[:1]).any():
                found.append((cloud, centre))
        if not found:
            raise UserError(
                f"{path} has no block of {self.block:g} x {self.block:g} with "
                f"{_LEAST * self.points:g} points; give larger blocks or fewer points a cloud"
            )
        return found

    def _arrays(self, path: Path) -> Splits:
        arrays = read_npz(path, "points=..., label=...")
        key = next((name for name in _POINTS if name in arrays), None)
        if key is None and len(arrays) == 1:
            key = next(iter(arrays))
        if key is None:
            raise UserError(
                f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; it needs points "
                "[N, P, 3]"
            )
        xyz = arrays[key]
        if xyz.dtype.kind not in "iuf" or xyz.ndim != 3 or xyz.shape[2] != 3 or not xyz.size:
            raise UserError(
                f"{path}: {key} must be numbers [N, P, 3], not {xyz.dtype} {list(xyz.shape)}"
            )
        sizes = {k: arrays[k] for k in ("label", "group", "count") if k in arrays}
        for name, own in sizes.items():
            if own.shape != (len(xyz),):
                raise UserError(
                    f"{path}: {name} must have one value for each of {len(xyz)} clouds, not the "
                    f"shape {list(own.shape)}"
                )
        count = sizes.get("count", np.full(len(xyz), xyz.shape[1]))
        if count.dtype.kind not in "iu" or count.min() < 1 or count.max() > xyz.shape[1]:
            raise UserError(f"{path}: count must be numbers from 1 to {xyz.shape[1]}")
        valid = np.arange(xyz.shape[1]) < count[:, None]
        where = f"{path}: {key}"
        xyz = np.where(valid[..., None], xyz, 0)
        finite(xyz, where, lambda i: f"cloud {i[0]}, point {i[1]}, {'xyz'[i[2]]}")
        measurable(xyz, where)
        check_extent(xyz, valid, where)
        if xyz.shape[1] > self.points:
            note(f"{path}: clouds of {xyz.shape[1]} points are cut to {self.points} of them")
        clouds = []
        for number, (cloud, own) in enumerate(zip(xyz, count, strict=True)):
            words = random_words(self.split.seed, f"cloud {number}", int(own))
            clouds.append(cloud[: int(own)][np.argsort(words, kind="stable")[: self.points]])
        targets = Targets({})
        if "label" in arrays and self.label != "none":
            targets = read_targets({"train": arrays["label"]}, str(path))
        found = pad(clouds, min(self.points, xyz.shape[1])) | targets.of("train")
        return divide(
            {"train": ArraySource(found)},
            self.split,
            f"clouds of {path}",
            name=path.stem,
            targets=targets,
            group=arrays.get("group"),
        )


def _uniform(seed: int, path: Path, count: int) -> np.ndarray:
    """Numbers in [0, 1) of a file: [count, 3]."""
    words = random_words(seed, f"{path.parent.name}/{path.name}", 3 * count)
    return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(-1, 3)
