"""One's own sounds: a folder of WAV, FLAC, OGG or MP3 files, cut into clips of one length."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jssl.core.ranges import Count, Positive, Ranged
from jssl.data.audio import Tones, as_int16
from jssl.data.file_list import FileList, Listed
from jssl.data.listing import files_in, split_folders
from jssl.data.notes import note, shown
from jssl.data.sound_files import SOUNDS, read_mono_sound
from jssl.data.source import ArraySource, Batch, Source, Splits, SubsetSource
from jssl.data.splitting import PARTS, SplitRule
from jssl.errors import UserError

_IN_MEMORY = 2**31  # bytes of clips; more are decoded when they are read
_FEW_FILES = 10  # recordings, below which each is divided in time


class Cut(NamedTuple):
    """The clips of several files.

    Attributes:
      audio: int16 [clips, samples], or None where they are too many to keep.
      file: int64 [clips], the number of each clip's file.
      start: int64 [clips], its first sample.
    """

    audio: np.ndarray | None
    file: np.ndarray
    start: np.ndarray


class ClipSource:
    """Clips of sound files, decoded on access.

    Args:
      root: the folder that `files` are relative to.
      files: their paths.
      cut: the clips.
      rate: samples a second.
      length: samples of a clip.
      targets: "label" int32 [clips] or "tags" uint8 [clips, K], or neither.
    """

    def __init__(
        self,
        root: Path,
        files: list[str],
        cut: Cut,
        rate: int,
        length: int,
        targets: Mapping[str, np.ndarray],
    ) -> None:
        self.root, self.files = root, np.array(files)  # one flat buffer: cheap to pickle
        self.rate, self.length = rate, length
        self.file, self.start = cut.file, cut.start
        self._label, self._tags = targets.get("label"), targets.get("tags")

    def __len__(self) -> int:
        return len(self.file)

    def __getitem__(self, index: Any) -> Batch:
        if np.ndim(index) == 0:
            found = {"audio": self._clip(int(index))}
        else:
            found = {"audio": np.stack([self._clip(int(i)) for i in index])}
        if self._label is not None:
            found["label"] = self._label[index]
        if self._tags is not None:
            found["tags"] = self._tags[index]
        return found

    def labels(self) -> np.ndarray | None:
        """int32 [clips], or None where there are no labels."""
        return self._label

    def tags(self) -> np.ndarray | None:
        """uint8 [clips, K], or None unless a file may have several labels."""
        return self._tags

    def fingerprint(self) -> str:
        """A hash of the files' names and sizes, the rate, the clips and the labels."""
        digest = hashlib.sha256(f"{self.rate} {self.length}".encode())
        for name in map(str, self.files):
            digest.update(f"{name} {(self.root / name).stat().st_size}\n".encode())
        known = (self.file, self.start, self._label)
        for array in known if self._tags is None else (*known, self._tags):
            digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def _clip(self, index: int) -> np.ndarray:
        x = _whole(str(self.root / str(self.files[self.file[index]])), self.rate)
        own = x[self.start[index] : self.start[index] + self.length]
        return np.pad(own, (0, self.length - len(own)))


@lru_cache(maxsize=2)  # neighbouring clips of one file are often asked for together
def _whole(path: str, rate: int) -> np.ndarray:
    return as_int16(read_mono_sound(Path(path)), rate)


@dataclass(frozen=True)
class SoundFolder(Ranged):
    """Sound files at any depth of a folder, or one file.

    Sounds are mixed to one channel, resampled to one rate by a polyphase filter and cut into clips
    that follow each other: a shorter sound is filled up with silence, and so is the last clip of a
    longer one, unless less than half of it is left, which is dropped. Labels, groups and splits are
    those of files, so that the clips of a file stay in one split. Where there are fewer than ten
    files, of several clips, each is divided in time instead: its first clips are train, the next
    are validation and the last are test. Up to 2 GiB of clips are held in memory, more are decoded
    on access.

    Attributes:
      path: of the folder or the file.
      rate: samples a second.
      seconds: length of a clip.
      label: see `jssl.data.file_list.FileList`.
      group: likewise.
      split: likewise.
    """

    path: str
    rate: Count = 16000
    seconds: Positive = 5.0
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> Tones:
        """A few procedural sounds in its place, for tests."""
        return replace(Tones().smoke(), seconds=self.seconds, rate=self.rate)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `audio` int16 [samples] and, where there are labels, `label` int32, or `tags`
          uint8 [K] where a file may have several.

        Raises:
          UserError: there are no sounds, one cannot be read, all are silent, or one has no label or
            group.
        """
        length = max(round(self.seconds * self.rate), 1)
        listed, divisible = self._listed()
        paths = [listed.root / name for name in listed.files]
        cut = cut_clips(paths, self.rate, length)
        targets = listed.targets(cut.file)
        source: Source
        if cut.audio is None:
            source = ClipSource(listed.root, listed.files, cut, self.rate, length, targets)
        else:
            source = ArraySource({"audio": cut.audio, **targets})
        if (divisible and len(cut.file) > len(paths)) or not listed.parts:
            index = self._in_time(cut.file)
        else:
            index = {
                part: np.flatnonzero(np.isin(cut.file, files))
                for part, files in listed.parts.items()
            }
        subsets = {part: SubsetSource(source, own) for part, own in index.items()}
        name = Path(self.path).expanduser().resolve().name.partition(".")[0]
        return Splits(**subsets, name=name, classes=listed.classes, tags=listed.tag_names)

    def _listed(self) -> tuple[Listed, bool]:
        """The files, and whether they are so few that each may be divided in time.

        Without enough files for three splits, the files have no `parts`.
        """
        root = Path(self.path).expanduser()
        if root.is_file():
            return _unsplit(root.parent, [root]), True
        if root.is_dir() and self.group is None and not split_folders(root):
            few = list(itertools.islice(files_in(root, SOUNDS), _FEW_FILES))
            if 0 < len(few) < len(PARTS) + 1:
                return _unsplit(root, few), True
            divisible = len(few) < _FEW_FILES
        else:
            divisible = False
        return FileList(self.path, self.label, self.group, self.split).listed(SOUNDS), divisible

    def _in_time(self, file: np.ndarray) -> dict[str, np.ndarray]:
        """Divides each file into its first clips, the next and the last ones."""
        index: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
        rule = replace(self.split, by="time")
        for number in range(file.max() + 1):
            own = np.flatnonzero(file == number)
            if len(own) < len(PARTS):
                index["train"].append(own)
                continue
            for part, chosen in rule.draw(len(own), f"clips of {self.path}").items():
                index[part].append(own[chosen])
        if not index["test"]:
            raise UserError(
                f"{self.path}: {len(file)} clips of {file.max() + 1} files are too few for train, "
                f"validation and test; give more sounds, or shorter clips than {self.seconds:g} s"
            )
        return {part: np.concatenate(own) for part, own in index.items()}


def _unsplit(root: Path, paths: list[Path]) -> Listed:
    names = sorted(str(path.relative_to(root)) for path in paths)
    return Listed(root, names, None, (), "", None, (), {})


def cut_clips(paths: list[Path], rate: int, length: int) -> Cut:
    """Reads sounds and cuts them into clips; see `SoundFolder`.

    Notes count the files that are silent, have cancelling channels or have another rate.

    Raises:
      UserError: all files are silent, or some cannot be read; the message names the first of these
        and the number of others.
    """
    rows, file, start, wrong = [], [], [], []
    silent, cancelled, rates = [], [], {}
    size = 0
    for number, path in enumerate(paths):
        try:
            sound = read_mono_sound(path)
        except UserError as error:
            wrong.append(error)
            continue
        x = as_int16(sound, rate)
        rates.setdefault(sound.rate, []).append(path.name)
        if not x.any():
            silent.append(path.name)
        if sound.cancelled:
            cancelled.append(path.name)
        count = max(1, len(x) // length + (2 * (len(x) % length) >= length))
        file += [number] * count
        start += [k * length for k in range(count)]
        size += 2 * length * count
        if size > _IN_MEMORY:
            rows = []
        else:
            whole = np.zeros(count * length, np.int16)
            whole[: len(x)] = x[: count * length]
            rows.append(whole.reshape(count, length))
    if wrong:
        more = f" ({len(wrong) - 1} more of {len(paths)} cannot be used)" if len(wrong) > 1 else ""
        raise UserError(f"{wrong[0]}{more}")
    if len(silent) == len(paths):
        raise UserError(f"all {len(paths)} sounds are silent: {shown([str(p) for p in paths])}")
    for names, what in (
        (silent, "are silent"),
        (cancelled, "have channels that cancel each other, so one of them is taken"),
        (
            [name for own in sorted(rates.values(), key=len)[:-1] for name in own],
            f"have another rate than most; all become {rate} Hz",
        ),
    ):
        if names:
            note(f"{paths[0].parent}: {len(names)} of {len(paths)} sounds {what} ({shown(names)})")
    audio = np.concatenate(rows) if size <= _IN_MEMORY else None
    return Cut(audio, np.asarray(file), np.asarray(start))
