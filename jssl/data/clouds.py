"""Point clouds from files: ModelNet, and arrays of clouds in `.npz`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.arrays import finish, labelled_sources
from jssl.data.checks import finite, measurable, parse_number
from jssl.data.listing import Kind, files_in, split_folders
from jssl.data.meshes import read_off, sample
from jssl.data.notes import note, shown
from jssl.data.npz import read_npz
from jssl.data.order import random_words
from jssl.data.solids import Solids
from jssl.data.source import ArraySource, Batch, Splits
from jssl.data.text_files import read_text
from jssl.errors import UserError


def pad(clouds: Sequence[np.ndarray], points: int) -> Batch:
    """Pads clouds to arrays of one size.

    Args:
      clouds: of each example, float [n, 3] with n at least 1; only the first `points` are kept.
      points: number of points P after padding.

    Returns:
      "points/xyz" float32 [N, P, 3], zero at padding, and "points/valid" bool [N, P].
    """
    if points < 1:
        raise UserError(f"a cloud needs at least one point, not {points}")
    xyz = np.zeros((len(clouds), points, 3), np.float32)
    valid = np.zeros((len(clouds), points), bool)
    for row, cloud in enumerate(clouds):
        count = min(len(cloud), points)
        xyz[row, :count], valid[row, :count] = cloud[:count, :3], True
    return {"points/xyz": xyz, "points/valid": valid}


_MESHES = Kind("mesh", (".off",))


@dataclass(frozen=True)
class ModelNet(Ranged):
    """ModelNet10 or ModelNet40 (Wu et al., 2015) as published, in either of two forms.

    * Meshes: `<class>/train/*.off` and `<class>/test/*.off`; points are spread over their surface.
    * Resampled: `<name>_shape_names.txt`, `<name>_train.txt`, `<name>_test.txt` (names such as
      `chair_0001`) and `<class>/<class>_0001.txt` with lines `x,y,z,...`.

    Attributes:
      folder: that holds the files.
      name: the beginning of the lists' names of the resampled form: "modelnet40" or "modelnet10".
      points: of a cloud; from a resampled file, the first ones.
      fraction: the part of the training clouds that is carved for validation.
      seed: of the carving, and of the points on meshes.
    """

    folder: str
    name: str = "modelnet40"
    points: Count = 1024
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> Solids:
        """A few procedural clouds in its place, for tests."""
        return Solids().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `points/xyz` and `points/valid` (see `pad`) and `label` int32.

        Raises:
          UserError: when a file is missing or is not what it should be.
        """
        folder = Path(self.folder).expanduser()
        listed = folder / f"{self.name}_shape_names.txt"
        if listed.exists():
            classes, parts = self._listed(folder, read_text(listed).split())
        else:
            classes, parts = self._meshes(folder)
        train, test = parts
        return finish(train, None, test, self.name, classes, fraction=self.fraction, seed=self.seed)

    def _listed(self, folder: Path, classes: list[str]) -> tuple[tuple, list[ArraySource]]:
        if not classes or len(set(classes)) < len(classes):
            raise UserError(
                f"{folder / self.name}_shape_names.txt is empty, or names a class twice"
            )
        parts, seen, few = [], {}, []
        for part in ("train", "test"):
            path = folder / f"{self.name}_{part}.txt"
            names = read_text(path).split()
            owners = [name.rpartition("_")[0] for name in names]
            unknown = sorted(set(owners) - set(classes))
            if unknown or not names:
                raise UserError(f"{path} has no names of the classes listed: {unknown or 'empty'}")
            for name in names:
                if name in seen:
                    raise UserError(f"{path}: {name} is listed twice, here or in {seen[name]}")
                seen[name] = part
            clouds = [
                _table(folder / own / f"{name}.txt", self.points)
                for own, name in zip(owners, names, strict=True)
            ]
            few += [name for name, x in zip(names, clouds, strict=True) if len(x) < self.points]
            parts.append(_source(pad(clouds, self.points), [classes.index(o) for o in owners]))
        if few:
            note(
                f"{folder}: {len(few)} of {len(seen)} clouds have fewer than {self.points} points "
                f"({shown(few)})"
            )
        return tuple(classes), parts

    def _meshes(self, folder: Path) -> tuple[tuple, list[ArraySource]]:
        found: dict[str, list[tuple[str, Path]]] = {"train": [], "test": []}
        for own in sorted(child for child in folder.glob("[!.]*") if child.is_dir()):
            for part, inside in split_folders(own).items():
                if part in found:
                    found[part] += [(own.name, path) for path in files_in(inside, _MESHES)]
        owners = {part: {own for own, _ in own_paths} for part, own_paths in found.items()}
        for part, names in owners.items():
            if not names:
                raise UserError(
                    f"{folder} has neither {self.name}_shape_names.txt (ModelNet, resampled) nor "
                    f"<class>/{part}/*.off (ModelNet's meshes)"
                )
        bare = sorted(owners["test"] - owners["train"])
        if bare:
            raise UserError(f"{folder / bare[0]} has meshes for test and none for train")
        classes = sorted(owners["train"])
        parts = []
        for own_paths in found.values():
            # By class and then by name, as sorted paths are.
            clouds = [self._spread(path) for _, path in own_paths]
            labels = [classes.index(own) for own, _ in own_paths]
            parts.append(_source(pad(clouds, self.points), labels))
        return tuple(classes), parts

    def _spread(self, path: Path) -> np.ndarray:
        words = random_words(self.seed, f"{path.parent.name}/{path.name}", 3 * self.points)
        uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return sample(read_off(path), uniform.reshape(-1, 3))


@dataclass(frozen=True)
class Clouds(Ranged):
    """Clouds in one `.npz` file.

    It holds `train_points` float [N, P, 3], `train_label` [N] (whole numbers or texts) and,
    optionally, `train_count` integers [N] (the first so many points are real), the same for `test`
    and, where there is one, `validation`, and `classes` (texts), names of the classes.

    Attributes:
      path: of the file.
      fraction: the part of train that is carved for a split that the file lacks.
      seed: of the carving.
    """

    path: str
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> Solids:
        """A few procedural clouds in its place, for tests."""
        return Solids().smoke()

    def load(self) -> Splits:
        """Reads the file.

        Returns:
          Splits with `points/xyz` and `points/valid` (see `pad`) and `label` int32.

        Raises:
          UserError: when the file is missing, or lacks an array, or one has another shape.
        """
        path = Path(self.path).expanduser()
        arrays = read_npz(path)
        if "train_points" not in arrays:
            raise UserError(
                f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; it needs "
                "train_points [N, P, 3] and train_label [N]"
            )
        splits = ("train", "validation", "test")
        known = {f"{part}_{kind}" for part in splits for kind in ("points", "label", "count")}
        unknown = sorted(set(arrays) - known - {"classes"})
        if unknown:
            raise UserError(
                f"{path} holds {', '.join(unknown)}, and known are <split>_points, <split>_label "
                f"and <split>_count for the splits {', '.join(splits)}, and classes"
            )
        parts = {part: _clouds(arrays, part, path) for part in splits if f"{part}_points" in arrays}
        try:
            sources, classes = labelled_sources(parts, arrays.get("classes"))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        return finish(
            sources["train"],
            sources.get("validation"),
            sources.get("test"),
            path.stem,
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )


def _clouds(arrays: dict[str, np.ndarray], part: str, path: Path) -> Batch:
    """Clouds and their labels as stored in the files."""
    xyz, label = arrays[f"{part}_points"], arrays.get(f"{part}_label")
    if xyz.ndim != 3 or xyz.shape[2] != 3 or label is None or label.shape[:1] != xyz.shape[:1]:
        raise UserError(f"{path} needs {part}_points [N, P, 3] and {part}_label [N]")
    if not xyz.size:
        raise UserError(f"{path}: {part}_points has no points ({list(xyz.shape)})")
    count = arrays.get(f"{part}_count", np.full(len(xyz), xyz.shape[1]))
    whole = count.dtype.kind in "iu" and count.shape == (len(xyz),)
    if not whole or count.min() < 1 or count.max() > xyz.shape[1]:
        raise UserError(f"{path} needs a {part}_count from 1 to {xyz.shape[1]} for each cloud")
    where = f"{path}: {part}_points"
    valid = np.arange(xyz.shape[1]) < count[:, None]
    if xyz.dtype.kind in "fiu":
        xyz = np.where(valid[..., None], xyz, 0)  # padding may hold anything
    finite(xyz, where, lambda i: f"cloud {i[0]}, point {i[1]}, {'xyz'[i[2]]}")
    measurable(xyz, where)
    check_extent(xyz, valid, where)
    return {"points/xyz": xyz.astype(np.float32), "points/valid": valid, "label": label}


def check_extent(xyz: np.ndarray, valid: np.ndarray, where: str) -> None:
    """Refuses clouds whose points all coincide and therefore have no shape.

    Args:
      xyz: [N, P, 3].
      valid: bool [N, P], which points are real; at least one of each cloud.
      where: what holds them, for the message.

    Raises:
      UserError: naming the first such cloud.
    """
    same = (xyz == xyz[:, :1]).all(axis=2) | ~valid
    flat = np.flatnonzero(same.all(axis=1))
    if flat.size:
        raise UserError(
            f"{where}: all points of cloud {flat[0]} are at one place ({flat.size} such clouds); "
            "leave it out"
        )


def _source(arrays: Batch, labels: Sequence[int]) -> ArraySource:
    return ArraySource({**arrays, "label": np.asarray(labels, np.int32)})


def _table(path: Path, rows: int) -> np.ndarray:
    """The first three columns of a table of numbers, at most `rows` of its rows: [n, 3]."""
    lines = [line for line in read_text(path).splitlines() if line.strip()][:rows]
    if not lines:
        raise UserError(f"{path} has no points")
    cells = [line.split(",")[:3] for line in lines]
    try:
        found = np.asarray([[parse_number(cell) for cell in row] for row in cells], np.float64)
        if found.shape[1:] != (3,):
            raise ValueError("fewer than three columns")
    except ValueError as error:
        raise UserError(f"{path} has no lines 'x,y,z,...' ({error})") from None
    finite(found, str(path), lambda i: f"row {i[0] + 1}, {'xyz'[i[1]]}")
    check_extent(found[None], np.ones((1, len(found)), bool), str(path))
    return found
