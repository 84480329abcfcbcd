"""Labelled time series: the UCR and UEA archives, and procedural waves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Inside, NonNegative, Ranged, Seed
from jssl.data.arrays import finish
from jssl.data.class_labels import encode_labels
from jssl.data.order import random_words
from jssl.data.series_files import equal_lengths, read_series
from jssl.data.source import ArraySource, Splits
from jssl.errors import UserError

_ENDINGS = (".ts", ".tsv", ".txt", ".ts.gz", ".tsv.gz", ".txt.gz")
WAVES = ("sine", "square", "sawtooth", "triangle", "chirp", "pulses", "beats", "walk")
_OFFSETS = {"train": 0, "validation": 1 << 32, "test": 1 << 33}


@dataclass(frozen=True)
class UCR(Ranged):
    """A data set of the UCR or UEA archive: `NAME_TRAIN` and `NAME_TEST` in a folder.

    Dau et al., "The UCR Time Series Archive", 2019; Bagnall et al., 2018. The published test split
    is kept; validation is carved from train. Series of unequal length are resampled to the longest
    of the training split.

    Attributes:
      folder: that holds the two files, `.ts`, `.tsv` or `.txt`, also packed with gzip.
      name: of the data set; the folder's own name when None.
      fraction: the part of train that is carved for validation.
      seed: of the carving.
    """

    folder: str
    name: str | None = None
    fraction: Inside = 0.2
    seed: Seed = 0

    def smoke(self) -> Waves:
        """A few procedural series in its place, for tests."""
        return Waves().smoke()

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `series` float32 [T, C] and, unless the files say `@classLabel false`, `label`
          int32.

        Raises:
          UserError: when a file is missing or of another form, or the two do not match.
        """
        folder = Path(self.folder).expanduser()
        name = self.name or folder.name
        read = {part: read_series(_find(folder, name, part)) for part in ("TRAIN", "TEST")}
        (train, train_labels), (test, test_labels) = read["TRAIN"], read["TEST"]
        if train[0].shape[1] != test[0].shape[1]:
            raise UserError(f"{folder}: train and test of {name} differ in channels")
        if (train_labels is None) != (test_labels is None):
            raise UserError(f"{folder}: one of train and test of {name} has labels, the other none")
        length = max(map(len, train))
        parts = {
            part: {"series": equal_lengths(series, length)}
            for part, series in (("train", train), ("test", test))
        }
        classes: tuple[str, ...] = ()
        if train_labels is not None:
            numbered, classes = encode_labels(
                {"train": train_labels, "test": test_labels},
                str(folder),
                order=lambda label: (len(label), label),
            )
            for part, label in numbered.items():
                parts[part]["label"] = label
        sources = [ArraySource(arrays) for arrays in parts.values()]
        options = {"fraction": self.fraction, "seed": self.seed}
        return finish(sources[0], None, sources[1], name, classes, **options)


def _find(folder: Path, name: str, part: str) -> Path:
    start = f"{name}_{part}".lower()
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    found = {path.name.lower(): path for path in folder.iterdir()}
    for ending in _ENDINGS:
        if start + ending in found:
            return found[start + ending]
    others = [path.name for key, path in sorted(found.items()) if key.startswith(start + ".")]
    more = f"; {others[0]} is of another format" if others else ""
    raise UserError(
        f"{folder} has no {name}_{part} with one of the endings {', '.join(_ENDINGS)}{more}"
    )


@dataclass(frozen=True)
class Waves(Ranged):
    """Eight kinds of procedural waves with random period, phase, amplitude, drift and noise.

    Attributes:
      train: number of training series.
      validation: number of validation series.
      test: number of test series.
      length: steps of a series.
      channels: number of channels, each with the same kind of wave but its own period and phase.
      noise: standard deviation of the white noise, in units of the wave's.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 2048
    validation: Count = 512
    test: Count = 1024
    length: Count = 96
    channels: Count = 1
    noise: NonNegative = 0.3
    seed: Seed = 0

    def smoke(self) -> Waves:
        """A copy with a few series, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the series.

        Returns:
          Splits with `series` float32 [length, channels] and `label` int32, the kind of wave.

        Raises:
          UserError: when a split is empty or series are shorter than 16 steps.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        if min(counts.values()) < 1 or self.length < 16 or self.channels < 1:
            raise UserError(
                "waves needs at least one series in each split, 16 steps and one channel, not "
                f"{counts}, {self.length} and {self.channels}"
            )
        parts = {part: self._split(part, count) for part, count in counts.items()}
        return Splits(**parts, name="waves", classes=WAVES)

    def _split(self, part: str, count: int) -> ArraySource:
        rows, steps = count * self.channels, self.length
        words = 4 * -(-(8 + 2 * steps) // 4)
        start = _OFFSETS[part] * words
        raw = random_words(self.seed, "waves", rows * words, start=start).reshape(rows, words)
        u = (raw >> np.uint64(11)).astype(np.float64) / 2.0**53
        normal = _normal(u[:, 8 : 8 + 2 * steps], steps)
        label = (np.arange(count) % len(WAVES)).astype(np.int32)
        kind = np.repeat(label, self.channels)
        # Five to twelve periods in what is shown, so that half of a series still shows the kind.
        cycles = 5.0 + 7.0 * u[:, 0:1]
        t = np.arange(steps)[None] / steps
        wave = _waves(kind, cycles * t + u[:, 1:2], t, u[:, 2:3], normal)
        wave = (wave - wave.mean(1, keepdims=True)) / wave.std(1, keepdims=True)
        size, drift = 0.5 + 1.5 * u[:, 3:4], 2.0 * u[:, 4:5] - 1.0
        x = size * (wave + self.noise * normal[:, ::-1]) + drift * t + 4.0 * u[:, 5:6] - 2.0
        x = x.reshape(count, self.channels, steps).transpose(0, 2, 1)
        return ArraySource({"series": x.astype(np.float32), "label": label})


def _normal(u: np.ndarray, count: int) -> np.ndarray:
    """Normal numbers from uniform ones (Box and Muller, 1958): [N, 2 count] -> [N, count]."""
    radius = np.sqrt(-2.0 * np.log1p(-u[:, :count]))
    return radius * np.cos(2.0 * np.pi * u[:, count:])


def _waves(
    kind: np.ndarray, phase: np.ndarray, t: np.ndarray, share: np.ndarray, normal: np.ndarray
) -> np.ndarray:
    turn = phase % 1.0
    chirp = np.sin(2 * np.pi * phase * (0.4 + 1.2 * t))
    beats = np.sin(2 * np.pi * phase) * np.sin(2 * np.pi * phase * (0.12 + 0.08 * share))
    steps: Any = np.cumsum(normal, axis=1)
    found = (
        np.sin(2 * np.pi * phase),
        np.sign(np.sin(2 * np.pi * phase)),
        2.0 * turn - 1.0,
        4.0 * np.abs(turn - 0.5) - 1.0,
        chirp,
        np.exp(-(((turn - 0.5) / 0.08) ** 2)),
        beats,
        steps,
    )
    return np.select([kind[:, None] == k for k in range(len(WAVES))], found)
