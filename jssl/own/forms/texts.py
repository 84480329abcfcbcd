"""Texts: lines, files, JSON lines, or columns of a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

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
_LENGTHS = (32, 192)  # bytes of a text, where none is asked for
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
    """Reads the texts as bytes."""
    data = TextSource(
        str(path),
        use=options.columns,
        label=options.label,
        group=options.group,
        split=options.rule(),
    )
    source = ""
    if is_folder_of_texts(path):
        files = list(files_in(path, _TEXT))
        texts = [read_text(files[k]) for k in spread(np.arange(len(files)), _MEASURED)]
        source = (
            "labels from sub-folders" if (options.label or "folder").startswith("folder") else ""
        )
    else:
        parts, _, source = data.read()
        texts = [parts["train"].texts[k] for k in _chosen(len(parts["train"].texts))]
    length = int(options.length or (options.known or {}).get("length") or _length(texts))
    data = TextSource(**{**vars(data), "length": length})
    return tallied(
        *("text", "texts", data, data.load()),
        details=f"the first {length} bytes of each",
        facts={"length": length, "vocabulary": 257},
        source=source,
    )


def _chosen(count: int) -> np.ndarray:
    return spread(np.arange(count), _MEASURED)


def _length(texts: list[str]) -> int:
    """Bytes that hold three quarters of the texts whole, as a multiple of 16 within limits."""
    sizes = [len(text.encode(errors="replace")) for text in texts]
    return int(np.clip(-(-np.quantile(sizes, _SHARE) // 16) * 16, *_LENGTHS))


FORMS = (
    Form("texts", "text", "a file or a folder of texts", is_text, open_texts, priority=4),
    Form("texts-wordy", "text", "a table with a column of sentences", is_wordy, open_texts, 7),
    Form("texts-table", "text", "a table with a column of texts", is_table, open_texts, 1),
)
