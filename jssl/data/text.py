"""Labelled texts as bytes: files with a text and a label per line, and procedural phrases."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Columns, Count, Inside, Ranged, Seed, Whole
from jssl.data.arrays import finish
from jssl.data.label_columns import LabelColumn, number_labels
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits
from jssl.data.text_files import count_cut, count_empty, read_table
from jssl.errors import UserError

VOCABULARY = 257  # 0 is padding, byte b is b + 1
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_NAMES = {"label", "labels", "class", "category", "target", "topic", "sentiment"}
Symbols = Callable[[list[str], int], np.ndarray]
TOPICS = ("weather", "kitchen", "harbour", "garden")


def to_tokens(texts: list[str], length: int) -> np.ndarray:
    """Texts as bytes in UTF-8: int32 [N, length], byte b as b + 1, cut or filled up with 0."""
    out = np.zeros((len(texts), length), np.int32)
    for number, (row, text) in enumerate(zip(out, texts, strict=True)):
        try:
            found = np.frombuffer(text.encode()[:length], np.uint8)
        except UnicodeEncodeError:
            raise UserError(
                f"text {number}, {text[:40]!a}, contains an unpaired UTF-16 surrogate"
            ) from None
        row[: len(found)] = found.astype(np.int32) + 1
    return out


def to_text(tokens: np.ndarray) -> str:
    """Undoes `to_tokens` for one text int [N]."""
    return bytes(int(t) - 1 for t in tokens if t > 0).decode(errors="replace")


@dataclass(frozen=True)
class Texts(Ranged):
    """Files with a text and a label in each line, such as SST-2's `.tsv` or AG News' `.csv`.

    Texts are read as bytes; `jssl.data.wordpiece.PiecedTexts` reads them as pieces of words.

    Attributes:
      train: path of the file, also with `.gz`.
      validation: of another, or None to carve it.
      test: of another, or None to carve it.
      text: numbers of the columns that are the text, joined by a space.
      label: number of the label's column.
      delimiter: between columns.
      header: whether the first line is left out.
      length: bytes to which texts are cut or filled up.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving.
    """

    train: str
    validation: str | None = None
    test: str | None = None
    text: Columns = (0,)
    label: Whole = 1
    delimiter: str = "\t"
    header: bool = False
    length: Count = 128
    fraction: Inside = 0.1
    seed: Seed = 0

    unit = "bytes"
    ends = False

    def smoke(self) -> Phrases:
        """A few procedural phrases in its place, for tests."""
        return replace(Phrases().smoke(), length=self.length)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `text` int32 [length] (see `to_tokens`) and `label` int32.

        Raises:
          UserError: naming the file and the line, when a file is missing or no text in UTF-8, when
            a line has too few or too many columns or no label, when `header` seems wrong, or when
            more than half of the texts are empty.
        """
        paths = {"train": self.train, "validation": self.validation, "test": self.test}
        read = {part: self._read(path) for part, path in paths.items() if path is not None}
        for part, one in read.items():
            if one.names != read["train"].names:
                raise UserError(
                    f"{paths[part]} calls the columns of text and label {', '.join(one.names)} and "
                    f"{self.train} calls them {', '.join(read['train'].names)}; bring the columns "
                    "of both into the same order, with the same names"
                )
        label, classes = number_labels({part: one.column for part, one in read.items()})
        symbols = self.symbols(read["train"].texts)
        sources = {}
        for part, one in read.items():
            path, _, places = one.column
            tokens = kept_symbols(
                symbols,
                one.texts,
                path,
                places,
                kind="texts",
                length=self.length,
                unit=self.unit,
                ends=self.ends,
            )
            sources[part] = ArraySource({"text": tokens, "label": label[part]})
        return finish(
            sources["train"],
            sources.get("validation"),
            sources.get("test"),
            Path(self.train).parent.name or "texts",
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )

    def training_texts(self) -> list[str]:
        """The texts of `train`."""
        return self._read(self.train).texts

    def symbols(self, texts: list[str]) -> Symbols:
        """What turns texts into symbols int32 [N, length], given those of train: `to_tokens`."""
        del texts
        return to_tokens

    def _read(self, path: str) -> _Texts:
        rows, names = read_table(
            path,
            (*self.text, self.label),
            self.delimiter,
            quoted=self.delimiter != "\t",
            header=self.header,
        )
        labels = [row.cells[self.label].strip() for row in rows]
        if self.header and names[-1] in labels:
            raise UserError(
                f"{path} line 1 is left out as a header, and its label {names[-1]!r} is also that "
                "of other lines; set header=False if it is an example"
            )
        if not self.header and _looks_like_name(labels):
            raise UserError(
                f"{path} line {rows[0].line} has the label {labels[0]!r} as no other line has; set "
                "header=True if the line names the columns"
            )
        texts = [" ".join(row.cells[k] for k in self.text) for row in rows]
        places = [f"line {row.line}" for row in rows]
        return _Texts(texts, LabelColumn(path, labels, places), names)


class _Texts(NamedTuple):
    texts: list[str]
    column: LabelColumn
    names: list[str]


def kept_symbols(
    symbols: Symbols,
    texts: list[str],
    path: str | Path,
    places: Sequence[str],
    *,
    kind: str,
    length: int,
    unit: str,
    ends: bool = False,
) -> np.ndarray:
    """Texts of a file as symbols; notes count the empty and the truncated ones.

    Args:
      symbols: from texts and a length to int32 [N, length], 0 where there is none.
      texts: N of them.
      path: of the file.
      places: of each text in it, such as "line 7".
      kind: what they are, in the plural.
      length: symbols to which texts are cut or filled up.
      unit: of `length`, in the plural.
      ends: whether the last symbol of a text marks its end, and stays where the text is cut.

    Returns:
      int32 [N, length].

    Raises:
      UserError: more than half of the texts are empty, or what `symbols` refuses.
    """
    try:
        longer = symbols(texts, length + 1)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    blank = np.asarray([not text.strip() for text in texts], bool)
    count_empty(path, kind, blank | ~longer.any(axis=1), places)
    cut = longer[:, length] != 0
    count_cut(path, kind, cut, f"{length} {unit}")
    found = np.ascontiguousarray(longer[:, :length])
    if ends:
        found[cut, -1] = longer[cut, length]
    return found


def _looks_like_name(labels: list[str]) -> bool:
    """Whether the first of several labels looks like a column name."""
    first, rest = labels[0], labels[1:]
    if len(rest) < 2 or first in rest:
        return False
    numbers = all(_NUMBER.fullmatch(label) for label in rest) and not _NUMBER.fullmatch(first)
    return numbers or first.lower() in _NAMES


_WORDS = (
    ("rain", "wind", "cloud", "storm", "snow", "frost"),
    ("bread", "soup", "oven", "salt", "knife", "plate"),
    ("boat", "sail", "rope", "tide", "gull", "pier"),
    ("seed", "leaf", "spade", "hedge", "rose", "worm"),
)
_SHARED = ("the", "a", "old", "new", "saw", "near", "and", "was", "on", "by", "long", "red")


@dataclass(frozen=True)
class Phrases(Ranged):
    """Procedural phrases: words of one of four topics among words common to all topics.

    Attributes:
      train: number of training phrases.
      validation: number of validation phrases.
      test: number of test phrases.
      length: bytes to which phrases are cut or filled up.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 2048
    validation: Count = 256
    test: Count = 512
    length: Count = 48
    seed: Seed = 0

    def smoke(self) -> Phrases:
        """A copy with a few phrases, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the phrases, of five to nine words.

        Returns:
          Splits with `text` int32 [length] (see `to_tokens`) and `label` int32.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        parts = {part: self._split(part, count) for part, count in counts.items()}
        return Splits(**parts, name="phrases", classes=TOPICS)

    def _split(self, part: str, count: int) -> ArraySource:
        u = random_words(self.seed, f"phrases {part}", count * 20).reshape(count, 20) / 2.0**64
        texts = []
        for i, row in enumerate(u):
            own, words = _WORDS[i % len(_WORDS)], []
            for k in range(5 + int(row[0] * 5)):
                pool = own if row[1 + 2 * k] < 0.4 else _SHARED
                words.append(pool[int(row[2 + 2 * k] * len(pool))])
            texts.append(" ".join(words))
        label = (np.arange(count) % len(_WORDS)).astype(np.int32)
        return ArraySource({"text": to_tokens(texts, self.length), "label": label})
