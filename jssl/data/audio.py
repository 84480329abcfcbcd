"""Labelled sounds: WAV files of published sets, and procedural tones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Inside, NonNegative, Positive, Ranged, Seed, between
from jssl.data.arrays import finish
from jssl.data.listing import Kind, files_in
from jssl.data.notes import note, repeated, shown
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits
from jssl.data.text_files import read_rows, read_text
from jssl.data.wav_files import Mono, read_mono
from jssl.errors import UserError

TONES = ("steady", "rising", "falling", "trill", "chord", "pulses", "knock", "hiss")
_FOLDS = (1, 2, 3, 4, 5)
_LONGEST_NAME = 255  # letters, of a file
_SOUNDS = Kind("sound", (".wav",))
_OFFSETS = {"train": 0, "validation": 1 << 20, "test": 1 << 21}


def read_wavs(paths: Sequence[Path], rate: int, length: int) -> np.ndarray:
    """Reads sounds at one length: mono, truncated at the end or padded with silence.

    One note counts the files that are silent, have channels that cancel each other, have floats
    that are clipped at full scale, or have another rate than most.

    Args:
      paths: WAV files with integers of 8, 16, 24 or 32 bits or floats; several channels are mixed
        as in `jssl.data.wav_files.read_mono`.
      rate: samples a second; files of another rate are resampled.
      length: samples of the result.

    Returns:
      int16 [N, length].

    Raises:
      UserError: there are no files, they are all silent, or some are missing or invalid; the
        message names the first of these and the number of others.
    """
    out = np.zeros((len(paths), length), np.int16)
    silent, cancelled, clipped, wrong, rates = [], [], [], [], {}
    for row, path in zip(out, paths, strict=True):
        try:
            found = read_mono(path)
        except UserError as error:
            wrong.append(error)
            continue
        x = as_int16(found, rate)[:length]
        row[: len(x)] = x
        rates.setdefault(found.rate, []).append(path)
        for listed, true in ((silent, not x.any()), (cancelled, found.cancelled)):
            if true:
                listed.append(path.name)
        if found.clipped:
            clipped.append(path.name)
    if wrong:
        more = f" ({len(wrong) - 1} more of {len(paths)} cannot be used)" if len(wrong) > 1 else ""
        raise UserError(f"{wrong[0]}{more}")
    if len(silent) == len(paths):
        raise UserError(f"all {len(paths)} sounds are silent: {shown([str(p) for p in paths])}")
    folder = paths[0].parent
    for names, what in (
        (silent, "are silent"),
        (cancelled, "have channels that cancel each other, so one of them is taken"),
        (clipped, "have floats beyond full scale, which are clipped"),
    ):
        if names:
            note(f"{folder}: {len(names)} of {len(paths)} sounds {what} ({shown(names)})")
    if len(rates) > 1:
        counts = sorted((len(own), own_rate) for own_rate, own in rates.items())
        listed = ", ".join(f"{own_rate} Hz ({count})" for count, own_rate in reversed(counts))
        example = rates[counts[0][1]][0].name
        note(f"{folder}: sounds have several rates, {listed}; they become {rate} Hz ({example})")
    return out


def read_wav(path: Path, rate: int) -> np.ndarray:
    """One sound; see `read_wavs`: int16 [T]."""
    found = read_mono(path)
    if found.cancelled:
        note(f"{path} has channels that cancel each other, so one of them is taken")
    if found.clipped:
        note(f"{path} has {found.clipped} floats beyond full scale, which are clipped")
    return as_int16(found, rate)


def as_int16(sound: Mono, rate: int) -> np.ndarray:
    """A sound at another rate, by a polyphase filter: int16 [T]."""
    x = sound.samples
    if sound.rate != rate:
        from scipy.signal import resample_poly

        x = resample_poly(x, rate, sound.rate)
    return np.clip(np.round(x * 32768.0), -32768, 32767).astype(np.int16)


@dataclass(frozen=True)
class SpokenDigits(Ranged):
    """Free Spoken Digit Dataset: `recordings/{digit}_{speaker}_{take}.wav`, 8 kHz.

    The published split: takes 0 to 4 of each digit and speaker are test. Validation is carved.

    Attributes:
      folder: that holds the files.
      seconds: to which sounds are cut or filled.
      fraction: the part of train that is carved for validation.
      seed: of the carving.
    """

    folder: str
    seconds: Positive = 1.0
    fraction: Inside = 0.1
    seed: Seed = 0

    rate = 8000

    def smoke(self) -> Tones:
        """A few procedural sounds in its place, for tests."""
        return replace(Tones().smoke(), seconds=self.seconds)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `audio` int16 [samples], `label` int32 and `factor/speaker` int32.

        Raises:
          UserError: when there are no such files, or one cannot be read.
        """
        folder = Path(self.folder).expanduser()
        named = re.compile(r"(\d)_(\w+)_(\d+)\.wav", re.IGNORECASE)
        paths = files_in(folder, _SOUNDS) if folder.is_dir() else ()
        found = [(path, named.fullmatch(path.name)) for path in paths]
        found = [(path, match.groups()) for path, match in found if match]
        if not found:
            raise UserError(f"{folder} has no file such as 7_jackson_32.wav in any of its folders")
        names = [path.name for path, _ in found]
        twice = repeated(names)
        if twice:
            note(f"{folder}: {len(twice)} file names are in two folders or more ({shown(twice)})")
        speakers = sorted({speaker for _, (_, speaker, _) in found})
        audio = read_wavs([p for p, _ in found], self.rate, round(self.seconds * self.rate))
        source = ArraySource(
            {
                "audio": audio,
                "label": np.asarray([int(d) for _, (d, _, _) in found], np.int32),
                "factor/speaker": np.asarray(
                    [speakers.index(s) for _, (_, s, _) in found], np.int32
                ),
            }
        )
        test = np.asarray([int(take) < 5 for _, (_, _, take) in found])
        if test.all() or not test.any():
            raise UserError(f"{folder} needs takes below 5, the test split, and others")
        train, test = ArraySource(source[~test]), ArraySource(source[test])
        classes = tuple(str(k) for k in range(10))
        options = {"fraction": self.fraction, "seed": self.seed}
        return finish(train, None, test, "spoken digits", classes, **options)


@dataclass(frozen=True)
class ESC(Ranged):
    """ESC-50 or its ten-class part: `meta/esc50.csv` and `audio/*.wav` (Piczak, 2015).

    Of the five published folds one is test and another one validation.

    Attributes:
      folder: that holds the two.
      ten: whether the ten classes of ESC-10 alone are read.
      test: the fold that is test; the one before it is validation.
      rate: samples a second to which sounds are resampled.
      seconds: to which they are cut or filled.
    """

    folder: str
    ten: bool = True
    test: between(1, 5, int) = 5
    rate: Count = 16000
    seconds: Positive = 5.0

    def smoke(self) -> Tones:
        """A few procedural sounds in its place, for tests."""
        return replace(Tones().smoke(), seconds=self.seconds, rate=self.rate)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `audio` int16 [samples] and `label` int32.

        Raises:
          UserError: when a file is missing or of another form.
        """
        folder = Path(self.folder).expanduser()
        rows = self._rows(folder / "meta" / "esc50.csv")
        classes = sorted({row["category"] for row in rows})
        paths = [folder / "audio" / row["filename"] for row in rows]
        audio = read_wavs(paths, self.rate, round(self.seconds * self.rate))
        label = np.asarray([classes.index(row["category"]) for row in rows], np.int32)
        fold = np.asarray([int(row["fold"]) for row in rows])
        before = (self.test - 2) % 5 + 1
        parts = []
        for wanted in (set(_FOLDS) - {self.test, before}, {before}, {self.test}):
            own = np.isin(fold, sorted(wanted))
            if not own.any():
                raise UserError(f"{folder}/meta/esc50.csv has no sounds of the folds {wanted}")
            parts.append(ArraySource({"audio": audio[own], "label": label[own]}))
        return Splits(*parts, name="esc-10" if self.ten else "esc-50", classes=tuple(classes))

    def _rows(self, path: Path) -> list[dict[str, str]]:
        """The validated rows of the table."""
        lines = read_rows(read_text(path), path, ",")
        names = [name.strip() for name in lines[0].cells] if lines else []
        if {"filename", "fold", "category", "esc10"} - set(names):
            raise UserError(f"{path} lacks a column of the published file")
        rows = []
        for line, cells in lines[1:]:
            row = dict(zip(names, map(str.strip, cells), strict=False))
            if len(cells) != len(names) or not row["category"]:
                raise UserError(f"{path} line {line} lacks a cell, or has more than the header")
            if row["fold"] not in map(str, _FOLDS):
                raise UserError(f"{path} line {line} has the fold {row['fold']!r}, not 1 to 5")
            file = row["filename"]
            if Path(file).name != file or not file.isprintable() or len(file) > _LONGEST_NAME:
                raise UserError(
                    f"{path} line {line} has the file {file[:80]!r}, and not the name of a file in "
                    "the folder audio"
                )
            if row["esc10"].lower() not in ("true", "false"):
                raise UserError(f"{path} line {line} has {row['esc10']!r} for True or False")
            rows.append(row)
        twice = repeated([row["filename"] for row in rows])
        if twice:
            raise UserError(f"{path} has {twice[0]} more than once, and a file is in one fold")
        rows = [row for row in rows if not self.ten or row["esc10"].lower() == "true"]
        if not rows:
            raise UserError(f"{path} has no sounds" + (" of ESC-10" if self.ten else ""))
        return rows


@dataclass(frozen=True)
class Tones(Ranged):
    """Procedural sounds of eight kinds with random pitch, loudness, onset and noise.

    Attributes:
      train: number of training sounds.
      validation: number of validation sounds.
      test: number of test sounds.
      seconds: length of a sound.
      rate: samples a second.
      noise: standard deviation of the white noise relative to the sound's.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 1024
    validation: Count = 256
    test: Count = 512
    seconds: Positive = 1.0
    rate: Count = 8000
    noise: NonNegative = 0.3
    seed: Seed = 0

    def smoke(self) -> Tones:
        """A copy with a few sounds, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the sounds.

        Returns:
          Splits with `audio` int16 [samples] and `label` int32, the kind.

        Raises:
          UserError: when a split is empty.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        if min(counts.values()) < 1:
            raise UserError(f"tones needs at least one sound in each split, not {counts}")
        parts = {part: self._split(part, count) for part, count in counts.items()}
        return Splits(**parts, name="tones", classes=TONES)

    def _split(self, part: str, count: int) -> ArraySource:
        rows = [self._sound(_OFFSETS[part] + i, i % len(TONES)) for i in range(count)]
        label = (np.arange(count) % len(TONES)).astype(np.int32)
        return ArraySource({"audio": np.stack(rows), "label": label})

    def _sound(self, number: int, kind: int) -> np.ndarray:
        size = round(self.seconds * self.rate)
        words = random_words(self.seed, f"tones {number}", 8 + 2 * size)
        u = (words >> np.uint64(11)).astype(np.float64) / 2.0**53
        white = np.sqrt(-2 * np.log1p(-u[8 : 8 + size])) * np.cos(2 * np.pi * u[8 + size :])
        t = np.arange(size) / size
        pitch = 200.0 * 2.0 ** (2.0 * u[0]) * self.seconds  # periods in the whole sound
        start, span = 0.3 * u[1], 0.45 + 0.25 * u[2]
        inside = (t >= start) & (t < start + span)
        own = np.clip((t - start) / span, 0.0, 1.0)

        def sine(curve: np.ndarray) -> np.ndarray:
            return np.sin(2 * np.pi * (np.cumsum(pitch * curve) / size + u[3]))

        one = np.ones(size)
        beat = np.floor(own * (6 + 4 * u[4])) % 2
        sounds = (
            lambda: sine(one),
            lambda: sine(0.7 + 1.3 * own),
            lambda: sine(2.0 - 1.3 * own),
            lambda: sine(1.0 + 0.5 * beat),
            lambda: sine(one) + sine(1.26 * one) + sine(1.5 * one),
            lambda: sine(one) * beat,
            lambda: (sine(one) + white) * np.exp(-((own * (4 + 2 * u[4])) % 1.0) * 8),
            lambda: np.convolve(white, np.ones(3) / 3, "same"),
        )
        x = sounds[kind]() * inside
        x = x / max(float(x[inside].std()), 1e-6) + self.noise * white[::-1]
        return np.clip(np.round(x * 1500.0 * (0.5 + u[5])), -32768, 32767).astype(np.int16)
