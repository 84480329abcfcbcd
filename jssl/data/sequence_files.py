"""Readers of the published file formats of biological sequences: FASTA, UCI `.data`, tables."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

from jssl.data.files import DAMAGED_ZIP, check_archive, open_regular
from jssl.data.text_files import read_text
from jssl.errors import UserError

Entry = dict[str, str]

_FASTA = (".fasta", ".fa", ".faa", ".fna")


def read_entries(path: Path, member: str | None = None) -> list[Entry]:
    """The sequences of a file with what it says of each.

    Args:
      path: by its ending, before which `.gz` may stand: FASTA (`.fasta`, `.fa`, `.faa`, `.fna`;
        the header's first word is "name", and its words KEY=VALUE are entries); `.data` (the UCI
        repository's molecular biology: class, name, sequence); `.csv` or `.tsv` with a header; or
        `.zip` with such files in it.
      member: name of the file in a `.zip`, in whatever folder.

    Returns:
      A dict for each sequence; keys are in lower case. FASTA and `.data` call it "sequence".

    Raises:
      UserError: the file is missing, of another form or without sequences.
    """
    if path.suffix == ".zip":
        name, text = _unzip(path, member)
    else:
        name, text = path.name.removesuffix(".gz"), read_text(path)
    ending = Path(name).suffix.lower()
    if ending in _FASTA:
        found = parse_fasta(text)
    elif ending == ".data":
        rows = [line.split(",") for line in text.splitlines() if line.strip()]
        if any(len(row) != 3 for row in rows):
            raise UserError(f"{path} has a line that is not a class, a name and a sequence")
        keys = ("class", "name", "sequence")
        found = [dict(zip(keys, map(str.strip, row), strict=True)) for row in rows]
    elif ending in (".csv", ".tsv"):
        found = _table(text, "\t" if ending == ".tsv" else ",")
    else:
        raise UserError(
            f"{path} has no known ending: {', '.join(_FASTA)}, .data, .csv, .tsv, also with .gz, "
            "or .zip"
        )
    if not found:
        raise UserError(f"{path} has no sequences")
    return found


def parse_fasta(text: str) -> list[Entry]:
    """Entries of a text in FASTA; a sequence may run over several lines."""
    entries = []
    for block in re.split(r"^>", text, flags=re.MULTILINE)[1:]:
        header, _, body = block.partition("\n")
        words = header.split()
        entry = {"name": words[0] if words else ""}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if equals:
                entry[key.lower()] = value
        entries.append({**entry, "sequence": "".join(body.split())})
    return entries


def column(entries: list[Entry], name: str, path: str | Path) -> list[str]:
    """One column; a name that several columns begin with joins them (`base_1`, `base_2`, ...).

    Raises:
      UserError: there is no such column.
    """
    keys = [name] if name in entries[0] else [k for k in entries[0] if k.startswith(name)]
    if not keys or any(key not in entry for entry in entries for key in keys):
        raise UserError(f"{path} has no column {name!r}; it has {', '.join(entries[0])}")
    return ["".join(entry[key] or "" for key in keys).strip() for entry in entries]


def _table(text: str, delimiter: str) -> list[Entry]:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    header = [key.strip().lower() for key in rows[0]] if rows else []
    return [dict(zip(header, row, strict=False)) for row in rows[1:] if row]


def _unzip(path: Path, member: str | None) -> tuple[str, str]:
    try:
        with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
            names = [name for name in archive.namelist() if Path(name).name == member]
            if not names:
                raise UserError(f"{path} has no file {member} in it")
            check_archive(archive, path, names[:1])
            return names[0], archive.read(names[0]).decode()
    except (OSError, EOFError, ValueError, *DAMAGED_ZIP) as error:
        raise UserError(f"{path} cannot be read ({error})") from None
