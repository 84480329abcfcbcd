"""Pairs of sentences with a score of how alike they are, such as STS-B, and procedural ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jssl.data.arrays import finish
from jssl.data.source import ArraySource, Splits
from jssl.data.text import Phrases, to_tokens
from jssl.data.text_files import read_text
from jssl.errors import UserError


@dataclass(frozen=True)
class SentencePairs:
    """Files with two sentences and a score in each line, such as the STS benchmark's.

    Methods with one input learn from the first sentences. Sentences are read as bytes;
    `jssl.data.wordpiece.PiecedPairs` reads them as pieces of words.

    Attributes:
      train: path of the file, also with `.gz`; the delimiter is a tab if it ends in `.tsv`.
      validation: of another, or None to carve it.
      test: of another, or None to carve it.
      columns: numbers of the two sentences' columns and of the score's.
      header: whether the first line is left out.
      length: bytes to which sentences are cut or filled up.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving.
    """

    train: str
    validation: str | None = None
    test: str | None = None
    columns: tuple[int, int, int] = (0, 1, 2)
    header: bool = False
    length: int = 96
    fraction: float = 0.1
    seed: int = 0

    def smoke(self) -> PhrasePairs:
        """A few procedural pairs in its place, for tests."""
        return replace(PhrasePairs().smoke(), length=self.length)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `text` and `other` int32 [length] (see `jssl.data.text.to_tokens`) and
          `target` float32, the score.

        Raises:
          UserError: a file is missing, or a line has too few columns or a score that is no number.
        """
        paths = {"train": self.train, "validation": self.validation, "test": self.test}
        read = {part: self._read(path) for part, path in paths.items() if path is not None}
        symbols = self.symbols([*read["train"][0], *read["train"][1]])
        parts = {
            part: ArraySource(
                {
                    "text": symbols(text, self.length),
                    "other": symbols(other, self.length),
                    "target": target,
                }
            )
            for part, (text, other, target) in read.items()
        }
        return finish(
            parts["train"],
            parts.get("validation"),
            parts.get("test"),
            Path(self.train).parent.name or "pairs",
            (),
            fraction=self.fraction,
            seed=self.seed,
            stratify=False,
        )

    def training_texts(self) -> list[str]:
        """Both sentences of each pair of `train`."""
        text, other, _ = self._read(self.train)
        return [*text, *other]

    def symbols(self, texts: list[str]) -> Callable[[list[str], int], np.ndarray]:
        """What turns texts into symbols int32 [N, length], given those of train: `to_tokens`."""
        del texts
        return to_tokens

    def _read(self, path: str) -> tuple[list[str], list[str], np.ndarray]:
        tabs = ".tsv" in Path(path).suffixes
        file = io.StringIO(read_text(Path(path).expanduser()), newline="")
        options = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {}
        rows = [row for row in csv.reader(file, **options) if row][int(self.header) :]
        if not rows or min(map(len, rows)) <= max(self.columns):
            raise UserError(f"{path} has no lines, or one with too few columns")
        text, other, score = ([row[k] for row in rows] for k in self.columns)
        try:
            target = np.asarray(score, np.float32)
        except ValueError as error:
            raise UserError(f"{path} has a score that is no number: {error}") from None
        return text, other, target


@dataclass(frozen=True)
class PhrasePairs:
    """Pairs of procedural phrases; the score is 1 where both are of one topic.

    Attributes:
      train: number of training pairs.
      validation: number of validation pairs.
      test: number of test pairs.
      length: bytes to which phrases are cut or filled up.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: int = 1024
    validation: int = 256
    test: int = 256
    length: int = 48
    seed: int = 0

    def smoke(self) -> PhrasePairs:
        """A copy with a few pairs, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Pairs the phrases of `jssl.data.text.Phrases` with the next, or the one four further on.

        Returns:
          Splits with `text` and `other` int32 [length] and `target` float32.
        """
        counts = (self.train, self.validation, self.test)
        more = Phrases(*(count + 4 for count in counts), self.length, self.seed).load()
        parts = {}
        names = ("train", "validation", "test")
        for part, count in zip(names, counts, strict=True):
            batch = getattr(more, part)[np.arange(count + 4)]
            index = np.arange(count)
            partner = index + np.where(index % 2, 4, 1)  # topics come in turns of four
            same = batch["label"][index] == batch["label"][partner]
            arrays = {"text": batch["text"][index], "other": batch["text"][partner]}
            parts[part] = ArraySource({**arrays, "target": same.astype(np.float32)})
        return Splits(**parts, name="phrase_pairs")
