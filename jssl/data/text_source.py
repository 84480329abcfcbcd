"""One's own texts: lines, files, JSON lines or columns of a table, with or without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.core.ranges import Count, Ranged
from jssl.data.arrow_files import is_saved
from jssl.data.delimited import Delimited
from jssl.data.file_list import FileList
from jssl.data.holdout import divide
from jssl.data.listing import SPLITS, Kind
from jssl.data.row_files import (
    JSON_LINES,
    TABLES,
    column_values,
    find_labels,
    label_texts,
    positions,
    read_rows,
    same_columns,
)
from jssl.data.source import ArraySource, Source, Splits, SubsetSource
from jssl.data.split_files import split_files
from jssl.data.splitting import SplitRule
from jssl.data.targets import Targets, check_repeated, read_targets
from jssl.data.text import Phrases, kept_symbols, to_tokens
from jssl.data.text_files import read_text
from jssl.data.tokenizers import Tokenizer
from jssl.errors import UserError

LINES = (".txt", ".txt.gz")
_KIND = Kind("text", (".txt",))
_NAMES = ("text", "texts", "sentence", "content", "review", "document", "body", "abstract")
_LONG = 20  # letters, from which on a column is of texts
_DIFFERENT = 0.5  # share of the texts of a column that differ


class Rows(NamedTuple):
    """The texts of one split.

    Attributes:
      path: of the file.
      texts: N of them.
      places: the position of each, such as "line 7".
      labels: of each, None where there are none.
    """

    path: Path
    texts: list[str]
    places: list[str]
    labels: list[str] | None


@dataclass(frozen=True)
class TextSource(Ranged):
    """Texts as bytes (`jssl.data.text.to_tokens`) or pieces of words, from files of several kinds.

    * `.txt`: a text a line; blank lines are left out;
    * a folder of `.txt` files: a text a file, labelled by sub-folders or a CSV file
      (`jssl.data.file_list.FileList`);
    * `.jsonl`, `.csv`, `.tsv` or `.parquet`: a text a row;
    * a folder with `train`, `test` and perhaps `validation` files of the first or the third kind.

    Attributes:
      path: of the file or the folder.
      length: bytes, or pieces, to which texts are cut or filled up.
      use: columns that are the text, joined by a space; () for one that is called text, sentence
        or the like, else for all columns of long texts.
      label: name or number of the label's column, or "none"; for a folder of files as in
        `FileList`. None finds it.
      group: a column, or a CSV file, whose values stay in one split; or None.
      split: how the splits that are not there are made.
      pieces: the vocabulary of pieces of words; None reads texts as bytes.
    """

    path: str
    length: Count = 128
    use: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    split: SplitRule = field(default_factory=SplitRule)
    pieces: Tokenizer | None = field(default=None, metadata={"later": True})

    def smoke(self) -> Phrases:
        """A few procedural phrases in its place, for tests."""
        return replace(Phrases().smoke(), length=self.length)

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `text` int32 [length] and, where there are labels, `label` int32.

        Raises:
          UserError: naming the file and the line, when one is no text in UTF-8, is empty, lacks a
            column or a label, or when more than half of the texts are empty.
        """
        path = Path(self.path).expanduser()
        if is_folder_of_texts(path):
            return self._folder(path)
        parts, group, _ = self.read()
        found = Targets({})
        if parts["train"].labels is not None:
            found = read_targets({part: rows.labels for part, rows in parts.items()}, str(path))
        sources: dict[str, Source] = {
            part: ArraySource({"text": self._symbols(rows), **found.of(part)})
            for part, rows in parts.items()
        }
        name = path.name.partition(".")[0]
        what = f"texts of {path}"
        return divide(sources, self.split, what, name=name, targets=found, group=group)

    def read(self) -> tuple[dict[str, Rows], list[str] | None, str]:
        """The texts by split, the group of each training text or None, and where labels are from.

        Not for a folder with a text a file.
        """
        files = split_files(self.path, (*LINES, *JSON_LINES, *TABLES), "texts")
        if files["train"].name.lower().endswith(LINES):
            if self.use or self.label not in (None, "none"):
                raise UserError(
                    f"{files['train']} has a text a line, and no columns to choose; give a CSV or "
                    "JSON lines file for texts with labels"
                )
            if self.group is not None:
                raise UserError(f"{files['train']} has a text a line, and no groups")
            return {part: _lines(path) for part, path in files.items()}, None, ""
        read = {
            part: read_rows(file, quoted=not _tabbed(file), narrow=True)
            for part, file in files.items()
        }
        tables = same_columns(read)
        train = tables["train"]
        places_of_label = find_labels(train, self.label)
        columns = (
            positions(self.use, train, "--columns")
            if self.use
            else _text_columns(train, places_of_label)
        )
        parts = {}
        for part, table in tables.items():
            texts = [" ".join(row[k] for k in columns) for row in table.rows]
            places = [f"line {line}" for line in table.lines]
            labels = label_texts(table, *places_of_label) if places_of_label else None
            parts[part] = Rows(table.path, texts, places, labels)
        said = ", ".join(repr(train.names[k]) for k in places_of_label)
        if places_of_label:
            check_repeated(parts["train"].labels, f"{train.path}: the label {said}")
        group = None if self.group is None else column_values(train, self.group, "--group")[0]
        return parts, group, f"labels of {said}" if said else ""

    def _symbols(self, rows: Rows) -> np.ndarray:
        path, texts, places, _ = rows
        symbols = to_tokens if self.pieces is None else self.pieces.read().symbols
        return kept_symbols(
            symbols,
            texts,
            path,
            places,
            kind="texts",
            length=self.length,
            unit="bytes" if self.pieces is None else "pieces",
            ends=self.pieces is not None and self.pieces.special,
        )

    def _folder(self, path: Path) -> Splits:
        listed = FileList(self.path, self.label, self.group, self.split).listed(_KIND)
        texts = [read_text(listed.root / name).replace("\r\n", "\n") for name in listed.files]
        arrays = {"text": self._symbols(Rows(path, texts, list(listed.files), None))}
        arrays |= listed.targets()
        source = ArraySource(arrays)
        parts = {part: SubsetSource(source, index) for part, index in listed.parts.items()}
        name = path.resolve().name
        return Splits(**parts, name=name, classes=listed.classes, tags=listed.tag_names)


def is_folder_of_texts(path: Path) -> bool:
    """Whether a path is a folder with a text a file, and not with a file of each split."""
    if not path.is_dir():
        return False
    if is_saved(path):
        return False
    children = [p for p in sorted(path.iterdir()) if p.name[0] != "."]
    folders = any(p.is_dir() for p in children)
    files = [p for p in children if p.is_file()]
    named = {p.name.lower().partition(".")[0] for p in files}
    if named & set(SPLITS["train"]) or (len(files) == 1 and not folders):
        return False
    return folders or any(p.suffix.lower() == ".txt" for p in files)


def _lines(path: Path) -> Rows:
    found = [(k, line) for k, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    if not found:
        raise UserError(f"{path} is empty; it needs a text in each line")
    return Rows(path, [t.strip() for _, t in found], [f"line {k}" for k, _ in found], None)


def _text_columns(table: Delimited, labels: Sequence[int]) -> list[int]:
    """The columns of texts.

    Raises:
      UserError: there is none.
    """
    for name in _NAMES:
        for place, own in enumerate(table.names):
            if own.strip().lower() == name and place not in labels:
                return [place]
    found = []
    for place in range(len(table.names)):
        cells = [row[place] for row in table.rows]
        mean = sum(map(len, cells)) / len(cells)
        if place not in labels and mean >= _LONG and len(set(cells)) >= _DIFFERENT * len(cells):
            found.append(place)
    if not found:
        raise UserError(
            f"{table.path} has no column of texts ({', '.join(table.names)[:300]}); name one with "
            "--columns"
        )
    return found


def _tabbed(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab"))
