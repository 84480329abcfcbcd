"""Texts: lines, files, JSON lines, or columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data import tokenizers
from jssl.data.arrow_files import is_saved
from jssl.data.listing import Kind, files_in
from jssl.data.row_files import JSON_LINES, TABLES
from jssl.data.text_files import read_text
from jssl.data.text_source import LINES, TextSource, is_folder_of_texts
from jssl.own.form import Form, Found, OwnOptions
from jssl.own.measure import spread
from jssl.own.peek import first_file, first_rows
from jssl.own.tally import tallied

_TEXT = Kind("text", (".txt",))
_MEASURED = 4096  # texts whose lengths are looked at
_LENGTHS = (32, 192)  # bytes or pieces of a text, where none is asked for
_SHARE = 0.75  # of the texts, which are read whole where the longest allows
_LETTERS = 40  # of a cell, on average, from which on a table is one of texts


def is_text(path: Path) -> bool:
    """Whether it is a text file, or a folder with one at any depth."""
    if path.is_file():
        return path.name.lower().endswith((*LINES, *JSON_LINES))
    if first_file(path, (*LINES, *JSON_LINES)) is not None:
        return True
    return next(files_in(path, _TEXT), None) is not None


def is_table(path: Path) -> bool:
    """Whether it is a table by its ending, or a folder with one."""
    return is_saved(path) or first_file(path, TABLES) is not None


def is_wordy(path: Path) -> bool:
    """Whether it is a table with a column of sentences."""
    file = first_file(path, TABLES)
    rows = first_rows(file)[1:] if file is not None else []
    width = min(map(len, rows), default=0)
    return any(
        sum(len(row[k]) for row in rows) >= _LETTERS * len(rows)
        and sum(row[k].count(" ") for row in rows) >= 4 * len(rows)
        for k in range(width)
    )


def open_texts(path: Path, options: OwnOptions) -> Found:
    """Reads the texts as bytes, or as pieces of words where a tokenizer is given."""
    known = options.known or {}
    data = TextSource(
        str(path),
        use=options.columns,
        label=options.label,
        group=options.group,
        split=options.rule(),
        pieces=_tokenizer(options, known),
    )
    source = ""
    if is_folder_of_texts(path):
        files = list(files_in(path, _TEXT))
        whole = [read_text(file) for file in _chosen(files, options)]
        source = (
            "labels from sub-folders" if (options.label or "folder").startswith("folder") else ""
        )
    else:
        parts, _, source = data.read()
        read = [parts["train"]] if options.longest is None else parts.values()
        whole = _chosen([text for rows in read for text in rows.texts], options)
    if data.pieces is None:
        facts: dict[str, Any] = {"vocabulary": 257}
        sizes = [len(text.encode(errors="replace")) for text in whole]
    else:
        pieces = data.pieces.read()
        facts = {
            "vocabulary": pieces.vocabulary,
            "tokenizer": tokenizers.to_record(data.pieces),
        }
        sizes = pieces.lengths(whole)
    length = int(options.length or known.get("length") or _length(sizes, options.longest))
    data = TextSource(**{**vars(data), "length": length})
    unit = "bytes" if data.pieces is None else f"of {facts['vocabulary'] - 1} pieces"
    return tallied(
        *("text", "texts", data, data.load()),
        details=f"the first {length} {unit} of each",
        facts={"length": length, **facts},
        source=source,
    )


def _tokenizer(options: OwnOptions, known: Mapping[str, Any]) -> tokenizers.Tokenizer | None:
    """That of an encoder or of a run's record, or the one that is named."""
    if options.pieces is not None:
        return options.pieces
    if "tokenizer" in known:
        return tokenizers.from_record(known["tokenizer"])
    return None if options.tokenizer is None else tokenizers.tokenizer_at(options.tokenizer)


def _chosen(items: Sequence[Any], options: OwnOptions) -> list[Any]:
    """The texts whose lengths are looked at: all where they have to fit whole."""
    places = np.arange(len(items))
    return [items[k] for k in (spread(places, _MEASURED) if options.longest is None else places)]


def _length(sizes: Sequence[int], longest: int | None) -> int:
    """What holds three quarters of the texts whole, or all of them up to `longest`."""
    if longest is not None:
        return min(longest, max(sizes))
    return int(np.clip(-(-np.quantile(sizes, _SHARE) // 16) * 16, *_LENGTHS))


FORMS = (
    Form("texts", "text", "a file or a folder of texts", is_text, open_texts, priority=4),
    Form("texts-wordy", "text", "a table with a column of sentences", is_wordy, open_texts, 7),
    Form("texts-table", "text", "a table with a column of texts", is_table, open_texts, 1),
)
