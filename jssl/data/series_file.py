"""One's own series, one an example: `.ts` files and arrays in `.npz`, with or without labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Count, Ranged
from jssl.data.checks import finite, measurable
from jssl.data.file_table import split_spec
from jssl.data.holdout import divide
from jssl.data.npz import read_npy, read_npz
from jssl.data.row_files import column_values, read_rows
from jssl.data.series import Waves
from jssl.data.series_files import equal_lengths, read_series
from jssl.data.source import ArraySource, Source, Splits
from jssl.data.split_files import split_files
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.targets import Targets, read_targets
from jssl.errors import UserError

ARRAYS = (".npz", ".npy")
SERIES = (".ts", ".ts.gz", *ARRAYS)
_NAMES = ("series", "x", "data", "values")
_LABELS = ("label", "labels", "y", "target")


class Examples(NamedTuple):
    """The series of one split.

    Attributes:
      series: each float32 [T, C], NaN where a value is missing.
      labels: of each, None where there are none.
      group: of each, None where there are none.
    """

    series: list[np.ndarray]
    labels: list | np.ndarray | None
    group: np.ndarray | None = None


@dataclass(frozen=True)
class SeriesFile(Ranged):
    """Series with one example each, of one length or several.

    * `.ts` (aeon's format): a file, or a folder with `NAME_TRAIN.ts` and `NAME_TEST.ts`;
    * `.npz`: `series` float [N, T, C] or [N, T] (also called x, data or values) and, optionally,
      `label` [N] (or 0 and 1 of several labels, [N, K]) and `group` [N]; or `train_series`,
      `train_label`, `test_series` and so on;
    * `.npy`: the series alone.

    Series of unequal length are resampled to the longest one of the training data, and missing
    values are interpolated.

    Attributes:
      path: of the file or the folder.
      label: "none" leaves the labels of the file out; None takes them.
      group: a CSV file with a row for each training series, whose values stay in one split;
        "group" or None for the file's own, if the split is by group.
      length: steps to which all are resampled; None for the longest.
      split: how the splits that are not there are made.
    """

    path: str
    label: str | None = None
    group: str | None = None
    length: Count | None = None
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> Waves:
        """A few procedural series in its place, for tests."""
        return Waves().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `series` float32 [T, C] and, where there are labels, `label` int32.

        Raises:
          UserError: a file is missing, damaged or of another form; splits differ in channels or
            in whether they have labels; or a number is not finite.
        """
        found, name = self._read()
        train = found["train"]
        if self.label not in (None, "none"):
            raise UserError(f"--label {self.label}: labels of {self.path} are its own, or none")
        channels = train.series[0].shape[1]
        labelled = self.label != "none" and train.labels is not None
        for part, one in found.items():
            if one.series[0].shape[1] != channels:
                raise UserError(
                    f"{self.path}: the series of {part} have {one.series[0].shape[1]} channels and "
                    f"those of train {channels}"
                )
            if labelled and one.labels is None:
                raise UserError(f"{self.path}: train has labels and {part} has none")
        length = self.length or max(map(len, train.series))
        arrays = {part: {"series": equal_lengths(x.series, length)} for part, x in found.items()}
        targets = Targets({})
        if labelled:
            texts = {part: one.labels for part, one in found.items()}
            order = (lambda label: (len(label), label)) if isinstance(train.labels, list) else None
            targets = read_targets(texts, self.path, order=order)
        sources: dict[str, Source] = {
            part: ArraySource(x | targets.of(part)) for part, x in arrays.items()
        }
        group = train.group
        if self.group is not None and (self.group != "group" or group is None):
            group = self._groups(len(train.series))
        what = f"series of {self.path}"
        return divide(sources, self.split, what, name=name, targets=targets, group=group)

    def _groups(self, count: int) -> np.ndarray:
        path, name = split_spec(self.group)
        table = read_rows(path)
        if len(table.rows) != count:
            raise UserError(
                f"--group {path} has {len(table.rows)} rows, and {self.path} has {count} series; "
                "it needs one for each, in the same order"
            )
        return np.asarray(column_values(table, name or table.names[-1], "--group")[0])

    def _read(self) -> tuple[dict[str, Examples], str]:
        path = Path(self.path).expanduser()
        if path.is_dir():
            files = ts_splits(path) or split_files(path, SERIES, "series")
        else:
            files = split_files(path, SERIES, "series")
        name = path.name.partition(".")[0]
        if files["train"].name.lower().endswith(ARRAYS):
            if len(files) > 1:
                raise UserError(f"{path} has several files of arrays; put the splits into one .npz")
            return read_arrays(files["train"]), name
        return {part: Examples(*read_series(file)) for part, file in files.items()}, name


def ts_splits(folder: Path) -> dict[str, Path]:
    """`NAME_TRAIN.ts` and `NAME_TEST.ts` of a folder, by split; {} where there are none.

    Raises:
      UserError: there are those of several data sets, or no training file.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower().removesuffix(".gz")
        for part in PARTS:
            if name.endswith((f"_{part}.ts", f"_{part}.tsv", f"_{part}.txt")):
                found.setdefault(part, []).append(path)
    several = [files for files in found.values() if len(files) > 1]
    if several:
        raise UserError(
            f"{folder} has {len(several[0])} such files as {several[0][0].name}; give a folder "
            "with one data set, or one form of it"
        )
    if found and "train" not in found:
        raise UserError(f"{folder} has {next(iter(found.values()))[0].name} and no _TRAIN file")
    return {part: files[0] for part, files in found.items()}


def series_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by name, or that of a `.npy` file as `series`."""
    if path.suffix.lower() == ".npy":
        return {"series": read_npy(path)}
    return read_npz(path, "series=..., label=...")


def read_arrays(path: Path) -> dict[str, Examples]:
    """The series of an `.npz` file by split; see `SeriesFile`.

    Raises:
      UserError: naming the file and the array that is missing or of another shape.
    """
    arrays = series_arrays(path)
    splits = [p for p in PARTS if any(f"{p}_{name}" in arrays for name in _NAMES)]
    found = {}
    for part, start in [(p, f"{p}_") for p in splits] or [("train", "")]:
        key = next((start + name for name in _NAMES if start + name in arrays), None)
        if key is None and not start and len(arrays) == 1:
            key = next(iter(arrays))
        if key is None:
            raise UserError(
                f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; it needs series "
                "[N, T, C] (and label [N]), or train_series, train_label, test_series, test_label"
            )
        x = arrays[key]
        if x.dtype.kind not in "iuf" or x.ndim not in (2, 3) or not x.size:
            raise UserError(
                f"{path}: {key} must be numbers [N, T] or [N, T, C], not {x.dtype} {list(x.shape)}"
            )
        x = x[..., None] if x.ndim == 2 else x
        where = f"{path}: {key}"
        finite(x, where, lambda i: f"series {i[0]}, step {i[1]}, channel {i[2]}", missing=True)
        measurable(x, where)
        bare = np.flatnonzero(np.isnan(x.astype(np.float64)).all(axis=(1, 2)))
        if bare.size:
            raise UserError(f"{where}: series {bare[0]} has no value ({bare.size} such series)")
        label = next((arrays[start + n] for n in _LABELS if start + n in arrays), None)
        group = arrays.get(f"{start}group")
        for what, own in (("label", label), ("group", group)):
            flat = own is None or own.ndim == 1 or (what == "label" and own.ndim == 2)
            if not flat or (own is not None and len(own) != len(x)):
                raise UserError(
                    f"{path}: {start}{what} must have one value for each of {len(x)} series, not "
                    f"the shape {list(own.shape)}"
                )
        found[part] = Examples(list(x.astype(np.float32)), label, group)
    if "train" not in found:
        raise UserError(f"{path} has no train_series, and has {', '.join(sorted(arrays))}")
    return found
