"""Cheap looks at files, by which forms are told apart; nothing is raised for damaged ones."""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from jssl.data.arrow_files import is_saved
from jssl.data.split_files import split_files
from jssl.errors import UserError

_BYTES = 1 << 16
_ROWS = 50


def first_file(path: Path, suffixes: Iterable[str]) -> Path | None:
    """A file itself, or the training file of a folder, if it has one of the endings."""
    endings = tuple(suffixes)
    if path.is_file():
        return path if path.name.lower().endswith(endings) else None
    if is_saved(path):
        return None
    try:
        return split_files(path, endings, "data")["train"]
    except (UserError, OSError):
        return None


def first_rows(path: Path) -> list[list[str]]:
    """The first rows of delimited text, by the most likely delimiter; [] for another file."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            text = stream.read(_BYTES).decode("utf-8-sig", "replace")
    except (OSError, EOFError, zlib.error):
        return []
    lines = text.splitlines()[: _ROWS + 1]
    lines = lines[:-1] if len(lines) > 1 and len(text) >= _BYTES // 2 else lines
    if not lines:
        return []
    mark = max("\t,;|", key=lines[0].count)
    try:
        return [row for row in csv.reader(lines, delimiter=mark) if row]
    except csv.Error:
        return []


def array_names(path: Path) -> set[str]:
    """Names of the arrays of an `.npz` file; none for another file."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError):
        return set()
