"""Labelled texts as bytes: files with a text and a label a line, and procedural phrases."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jssl.data.arrays import finish
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Splits
from jssl.data.text_files import read_text
from jssl.errors import UserError

VOCABULARY = 257  # 0 is padding, byte b is b + 1
TOPICS = ("weather", "kitchen", "harbour", "garden")


def to_tokens(texts: list[str], length: int) -> np.ndarray:
    """Texts as bytes in UTF-8: int32 [N, length], byte b as b + 1, cut or filled up with 0."""
    out = np.zeros((len(texts), length), np.int32)
    for row, text in zip(out, texts, strict=True):
        found = np.frombuffer(text.encode()[:length], np.uint8)
        row[: len(found)] = found.astype(np.int32) + 1
    return out


def to_text(tokens: np.ndarray) -> str:
    """Undoes `to_tokens` for one text int [N]."""
    return bytes(int(t) - 1 for t in tokens if t > 0).decode(errors="replace")


@dataclass(frozen=True)
class Texts:
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
    text: tuple[int, ...] = (0,)
    label: int = 1
    delimiter: str = "\t"
    header: bool = False
    length: int = 128
    fraction: float = 0.1
    seed: int = 0

    def smoke(self) -> Phrases:
        """A few procedural phrases in its place, for tests."""
        return replace(Phrases().smoke(), length=self.length)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `text` int32 [length] (see `to_tokens`) and `label` int32.

        Raises:
          UserError: a file is missing, or a line has too few columns.
        """
        paths = {"train": self.train, "validation": self.validation, "test": self.test}
        read = {part: self._read(path) for part, path in paths.items() if path is not None}
        names = sorted({label for _, labels in read.values() for label in labels})
        symbols = self.symbols(read["train"][0])
        sources = {
            part: ArraySource(
                {
                    "text": symbols(texts, self.length),
                    "label": np.asarray([names.index(k) for k in labels], np.int32),
                }
            )
            for part, (texts, labels) in read.items()
        }
        return finish(
            sources["train"],
            sources.get("validation"),
            sources.get("test"),
            Path(self.train).parent.name or "texts",
            tuple(names),
            fraction=self.fraction,
            seed=self.seed,
        )

    def training_texts(self) -> list[str]:
        """The texts of `train`."""
        return self._read(self.train)[0]

    def symbols(self, texts: list[str]) -> Callable[[list[str], int], np.ndarray]:
        """What turns texts into symbols int32 [N, length], given those of train: `to_tokens`."""
        del texts
        return to_tokens

    def _read(self, path: str) -> tuple[list[str], list[str]]:
        quoting = csv.QUOTE_NONE if self.delimiter == "\t" else csv.QUOTE_MINIMAL
        file = io.StringIO(read_text(Path(path).expanduser()), newline="")
        rows = [row for row in csv.reader(file, delimiter=self.delimiter, quoting=quoting) if row]
        rows = rows[int(self.header) :]
        if not rows or min(map(len, rows)) <= max(*self.text, self.label):
            raise UserError(f"{path} has no lines, or one with too few columns")
        texts = [" ".join(row[k] for k in self.text) for row in rows]
        return texts, [row[self.label].strip() for row in rows]


_WORDS = (
    ("rain", "wind", "cloud", "storm", "snow", "frost"),
    ("bread", "soup", "oven", "salt", "knife", "plate"),
    ("boat", "sail", "rope", "tide", "gull", "pier"),
    ("seed", "leaf", "spade", "hedge", "rose", "worm"),
)
_SHARED = ("the", "a", "old", "new", "saw", "near", "and", "was", "on", "by", "long", "red")


@dataclass(frozen=True)
class Phrases:
    """Procedural phrases: words of one of four topics among words that all share.

    Attributes:
      train: number of training phrases.
      validation: number of validation phrases.
      test: number of test phrases.
      length: bytes to which phrases are cut or filled up.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: int = 2048
    validation: int = 256
    test: int = 512
    length: int = 48
    seed: int = 0

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
