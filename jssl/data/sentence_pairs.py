"""Pairs of sentences with a similarity score, such as STS-B, and procedural pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Count, Inside, Natural, Ranged, Seed
from jssl.data.arrays import finish
from jssl.data.label_columns import is_number, read_numbers
from jssl.data.source import ArraySource, Splits
from jssl.data.text import Phrases, Symbols, kept_symbols, to_tokens
from jssl.data.text_files import read_table
from jssl.errors import UserError


@dataclass(frozen=True)
class SentencePairs(Ranged):
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
    columns: tuple[Natural, Natural, Natural] = (0, 1, 2)
    header: bool = False
    length: Count = 96
    fraction: Inside = 0.1
    seed: Seed = 0

    unit = "bytes"
    ends = False

    def smoke(self) -> PhrasePairs:
        """A few procedural pairs in its place, for tests."""
        return replace(PhrasePairs().smoke(), length=self.length)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `text` and `other` int32 [length] (see `jssl.data.text.to_tokens`) and
          `target` float32, the score.

        Raises:
          UserError: naming the file and the line, when a file is missing or no text in UTF-8, when
            a line has too few columns or a score that is not a finite number, or when more than
            half of the sentences are empty.
        """
        paths = {"train": self.train, "validation": self.validation, "test": self.test}
        read = {part: self._read(path) for part, path in paths.items() if path is not None}
        for part, one in read.items():
            if one.names != read["train"].names:
                raise UserError(
                    f"{paths[part]} calls its columns {', '.join(one.names)} and {self.train} "
                    f"calls them {', '.join(read['train'].names)}; bring the columns of both into "
                    "the same order, with the same names"
                )
        symbols = self.symbols([*read["train"].first, *read["train"].second])
        parts = {}
        for part, one in read.items():
            options = {"length": self.length, "unit": self.unit, "ends": self.ends}
            first, second = (
                kept_symbols(symbols, texts, paths[part], one.places, kind=kind, **options)
                for texts, kind in (
                    (one.first, "first sentences"),
                    (one.second, "second sentences"),
                )
            )
            arrays = {"text": first, "other": second, "target": one.target}
            parts[part] = ArraySource(arrays)
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
        found = self._read(self.train)
        return [*found.first, *found.second]

    def symbols(self, texts: list[str]) -> Symbols:
        """What turns texts into symbols int32 [N, length], given those of train: `to_tokens`."""
        del texts
        return to_tokens

    def _read(self, path: str) -> _Pairs:
        tabs = ".tsv" in Path(path.lower()).suffixes
        rows, names = read_table(
            path,
            self.columns,
            "\t" if tabs else ",",
            quoted=not tabs,
            header=self.header,
            ragged=True,
        )
        first, second, written = ([row.cells[k] for row in rows] for k in self.columns)
        places = [f"line {row.line}" for row in rows]
        if self.header and is_number(names[2]):
            raise UserError(
                f"{path} line 1 is left out as a header, and its score is {names[2]}; set "
                "header=False if it is an example"
            )
        return _Pairs(first, second, read_numbers(written, path, "score", places), places, names)


class _Pairs(NamedTuple):
    first: list[str]
    second: list[str]
    target: np.ndarray
    places: list[str]
    names: list[str]


@dataclass(frozen=True)
class PhrasePairs(Ranged):
    """Pairs of procedural phrases; the score is 1 where both are of one topic.

    Attributes:
      train: number of training pairs.
      validation: number of validation pairs.
      test: number of test pairs.
      length: bytes to which phrases are cut or filled up.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 1024
    validation: Count = 256
    test: Count = 256
    length: Count = 48
    seed: Seed = 0

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
