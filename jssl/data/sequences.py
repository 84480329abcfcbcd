"""Protein and DNA sequences as symbols: labelled sequences, fitness landscapes, planted motifs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jssl.core.ranges import Count, Inside, NonNegative, Ranged, Seed
from jssl.data.arrays import finish
from jssl.data.label_columns import LabelColumn, number_labels, read_numbers
from jssl.data.notes import note, repeated, shown
from jssl.data.order import random_words
from jssl.data.sequence_files import Entry, column, places, read_entries
from jssl.data.source import ArraySource, Splits
from jssl.data.text_files import count_cut, count_empty
from jssl.errors import UserError

_MANY_LETTERS = 100  # from which on a share of unknown ones says something
_UNKNOWN_SHARE = 0.1
DNA = "ACGTN"
PROTEIN = "ACDEFGHIKLMNPQRSTVWYX"


def to_symbols(sequences: list[str], alphabet: str, length: int) -> np.ndarray:
    """Sequences as symbols, letter by letter.

    Args:
      sequences: in letters of either case.
      alphabet: letter k is symbol k + 1; its last letter, the wildcard (N or X), also stands for
        every letter that is not in it. With the DNA alphabet U is read as T, and with the RNA
        alphabet T as U.
      length: to which sequences are cut or filled up with 0.

    Returns:
      int32 [N, length].

    Raises:
      UserError: more than half of the letters are not in the alphabet.
    """
    table = np.full(256, len(alphabet), np.int32)
    for number, letter in enumerate(alphabet):
        table[[ord(letter.upper()), ord(letter.lower())]] = number + 1
    for own, other in _other_letter(alphabet).items():
        table[[ord(own), ord(own.lower())]] = table[ord(other)]
    out = np.zeros((len(sequences), length), np.int32)
    for row, sequence in zip(out, sequences, strict=True):
        found = np.frombuffer(sequence.encode("ascii", "replace")[:length], np.uint8)
        row[: len(found)] = table[found]
    if np.sum(out == len(alphabet)) > 0.5 * max(np.sum(out > 0), 1):
        raise UserError(
            f"most letters are not in the alphabet {alphabet}: give the one that the sequences "
            "are written in"
        )
    return out


def _other_letter(alphabet: str) -> dict[str, str]:
    """The equivalent letter: U for T in the DNA alphabet, and T for U in the RNA alphabet."""
    bases = "".join(sorted(set(alphabet.upper()) - {"N"}))
    return {"ACGT": {"U": "T"}, "ACGU": {"T": "U"}}.get(bases, {})


def kept_letters(
    entries: list[Entry], sequences: list[str], alphabet: str, length: int, path: str | Path
) -> np.ndarray:
    """A file's sequences as symbols; notes count empty, unknown, truncated and duplicate ones.

    Args:
      entries: of the file.
      sequences: of the entries.
      alphabet: see `to_symbols`.
      length: to which sequences are cut or filled up.
      path: of the file.

    Returns:
      int32 [N, length], see `to_symbols`.

    Raises:
      UserError: more than half of the sequences are empty, or more than a tenth of at least 100
        letters are not in the alphabet; or what `to_symbols` refuses.
    """
    named = places(entries)
    count_empty(path, "sequences", np.asarray([not s for s in sequences], bool), named)
    counts = Counter()
    for sequence in sequences:
        counts.update(sequence.upper())
    known = set(alphabet.upper()) | set(_other_letter(alphabet))
    unknown = {letter: count for letter, count in counts.most_common() if letter not in known}
    if unknown:
        total, strange = counts.total(), sum(unknown.values())
        kinds = shown([repr(letter) for letter in unknown])
        first = next(p for p, s in zip(named, sequences, strict=True) if set(s.upper()) - known)
        if total >= _MANY_LETTERS and strange > _UNKNOWN_SHARE * total:
            raise UserError(
                f"{path}: {strange} of {total} letters are not in the alphabet {alphabet} "
                f"({kinds}; first in {first}); give the one that the sequences are written in"
            )
        note(
            f"{path}: {strange} of {total} letters are not in the alphabet {alphabet} and are read "
            f"as {alphabet[-1]} ({kinds}; first in {first})"
        )
    elif counts.total() >= _MANY_LETTERS and set(counts) <= set("ACGTN") and known - set("ACGTUN"):
        note(f"{path}: all letters are A, C, G, T or N; the alphabet {DNA} reads DNA")
    cut = np.asarray([len(sequence) > length for sequence in sequences], bool)
    count_cut(path, "sequences", cut, f"{length} letters")
    twice = repeated([entry["name"] for entry in entries if entry.get("name")])
    if twice:
        note(f"{path}: {len(twice)} names are those of several sequences ({shown(twice)})")
    try:
        return to_symbols(sequences, alphabet, length)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def to_letters(symbols: np.ndarray, alphabet: str) -> str:
    """Undoes `to_symbols` for one sequence int [N]; the padding is left out."""
    return "".join(alphabet[int(k) - 1] for k in symbols if k > 0)


@dataclass(frozen=True)
class Sequences(Ranged):
    """Labelled sequences in files; `jssl.data.sequence_files.read_entries` knows the formats.

    Attributes:
      train: path of the file.
      validation: of another, or None to carve it.
      test: of another, or None to carve it.
      alphabet: see `to_symbols`; "ACGTN" for DNA, "ACDEFGHIKLMNPQRSTVWYX" for proteins.
      sequence: name of the column, or what the names of the columns with single letters begin
        with.
      label: name of the label's column.
      length: symbols to which sequences are cut or filled up.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving.
    """

    train: str
    validation: str | None = None
    test: str | None = None
    alphabet: str = DNA
    sequence: str = "sequence"
    label: str = "label"
    length: Count = 64
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> Planted:
        """A few procedural sequences in its place, for tests."""
        return replace(Planted().smoke(), length=self.length)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `sequence` int32 [length] and `label` int32.

        Raises:
          UserError: a file is missing, or lacks a column or a label; or what `kept_letters`
            refuses.
        """
        paths = {"train": self.train, "validation": self.validation, "test": self.test}
        found, columns = {}, {}
        for part, path in paths.items():
            if path is not None:
                entries = read_entries(Path(path).expanduser())
                sequences = column(entries, self.sequence, path)
                found[part] = kept_letters(entries, sequences, self.alphabet, self.length, path)
                labels = column(entries, self.label, path)
                columns[part] = LabelColumn(path, labels, places(entries))
        label, classes = number_labels(columns)
        sources = {
            part: ArraySource({"sequence": symbols, "label": label[part]})
            for part, symbols in found.items()
        }
        return finish(
            sources["train"],
            sources.get("validation"),
            sources.get("test"),
            Path(self.train).name.partition(".")[0],
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )


@dataclass(frozen=True)
class FLIP(Ranged):
    """A fitness landscape of FLIP: protein variants with a measured value, in published splits.

    Dallago et al., "FLIP: Benchmark tasks in fitness landscape inference for proteins", 2021.

    Attributes:
      path: `splits.zip` of a landscape, or the folder that it unpacks to.
      split: name of a split, such as "three_vs_rest".
      length: symbols to which sequences are cut or filled up; None for the longest.
      alphabet: see `to_symbols`.
    """

    path: str
    split: str = "three_vs_rest"
    length: Count | None = None
    alphabet: str = PROTEIN

    def smoke(self) -> Planted:
        """A few procedural sequences in its place, for tests."""
        return replace(Planted().smoke(), length=self.length or 60)

    def load(self) -> Splits:
        """Reads the split: validation is the part of train that FLIP marks so.

        Returns:
          Splits with `sequence` int32 [length] and `target` float32, the measured number.

        Raises:
          UserError: the file is missing, or is no split of FLIP.
        """
        path, member = Path(self.path).expanduser(), f"{self.split}.csv"
        where = path if path.suffix.lower() == ".zip" else path / member
        entries = read_entries(where, member)
        names = ("sequence", "target", "set", "validation")
        sequences, targets, sets, held = (column(entries, name, where) for name in names)
        length = self.length or max(map(len, sequences))
        symbols = kept_letters(entries, sequences, self.alphabet, length, where)
        target = read_numbers(targets, where, "target", places(entries))
        for place, kind, marked in zip(places(entries), sets, held, strict=True):
            if kind not in ("train", "test") or marked.lower() not in ("", "true", "false", "nan"):
                raise UserError(
                    f"{where} has the set {kind!r} and the validation {marked!r} for {place}; a "
                    "set is train or test, and validation is True, False or nothing"
                )
        kinds = np.asarray(
            [
                "test" if s == "test" else "validation" if v.lower() == "true" else s
                for s, v in zip(sets, held, strict=True)
            ]
        )
        parts = {}
        for part in ("train", "validation", "test"):
            own = np.flatnonzero(kinds == part)
            if not own.size:
                raise UserError(f"{where} has no sequences in its {part} set")
            parts[part] = ArraySource({"sequence": symbols[own], "target": target[own]})
        return Splits(**parts, name=f"{self.split}")


MOTIFS = ("TATAAA", "CACGTG", "GGGCGG", "TGACTCA")
"""Binding sites as textbooks give them: TATA box, E box, GC box, AP-1."""


@dataclass(frozen=True)
class Planted(Ranged):
    """Procedural DNA: one to three copies of one of four motifs in random letters.

    Each letter of a copy is redrawn with probability `noise`, so a motif is a profile and not an
    exact string. The label is the motif and the target is the number of copies.

    Attributes:
      train: number of training sequences.
      validation: number of validation sequences.
      test: number of test sequences.
      length: letters of a sequence.
      noise: probability that a letter of a motif is redrawn.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 2048
    validation: Count = 512
    test: Count = 1024
    length: Count = 60
    noise: NonNegative = 0.1
    seed: Seed = 0

    def smoke(self) -> Planted:
        """A copy with a few sequences, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the sequences.

        Returns:
          Splits with `sequence` int32 [length], `label` int32 and `target` float32.

        Raises:
          UserError: sequences are too short for three motifs, or a split is empty.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        if min(counts.values()) < 1 or self.length < 24:
            raise UserError(
                "planted motifs need at least one sequence in each split and 24 letters, not "
                f"{counts} and {self.length}"
            )
        parts = {part: self._split(part, count) for part, count in counts.items()}
        return Splits(**parts, name="planted", classes=MOTIFS)

    def _split(self, part: str, count: int) -> ArraySource:
        words = self.length + 32
        u = random_words(self.seed, f"planted {part}", count * words).reshape(count, words)
        u = u / 2.0**64
        letters = (u[:, : self.length] * 4).astype(np.int32) + 1
        copies = np.zeros(count, np.float32)
        third = self.length // 3
        for i, (row, draw) in enumerate(zip(letters, u[:, self.length :], strict=True)):
            motif = to_symbols([MOTIFS[i % 4]], DNA, len(MOTIFS[i % 4]))[0]
            copies[i] = 1 + int(draw[0] * 3)
            for copy in range(int(copies[i])):  # one in each third, so that none hides another
                own = draw[2 + 8 * copy :][: len(motif)] >= self.noise
                start = copy * third + int(draw[1 + 8 * copy] * (third - len(motif) + 1))
                place = slice(start, start + len(motif))
                row[place] = np.where(own, motif, row[place])
        label = (np.arange(count) % len(MOTIFS)).astype(np.int32)
        return ArraySource({"sequence": letters, "label": label, "target": copies})
