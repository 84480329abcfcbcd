"""Readers of the published file formats of biological sequences: FASTA, UCI `.data`, tables."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from jssl.data.files import DAMAGED_ZIP, check_archive, open_regular
from jssl.data.notes import repeated
from jssl.data.text_files import Row, decode_text, read_rows, read_text
from jssl.errors import UserError

Entry = dict[str, str]

_FASTA = (".fasta", ".fa", ".faa", ".fna")


def read_entries(path: Path, member: str | None = None) -> list[Entry]:
    """Reads the sequences of a file with their annotations.

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
    if path.suffix.lower() == ".zip":
        name, text = _unzip(path, member)
    else:
        name, text = path.name.removesuffix(".gz"), read_text(path)
    ending = Path(name).suffix.lower()
    if ending in _FASTA:
        found = parse_fasta(text, path)
    elif ending == ".data":
        rows = read_rows(text, path, ",")
        _check_width(rows, 3, path, "a class, a name and a sequence")
        keys = ("class", "name", "sequence")
        found = [dict(zip(keys, map(str.strip, row.cells), strict=True)) for row in rows]
    elif ending in (".csv", ".tsv"):
        found = _table(text, path, "\t" if ending == ".tsv" else ",")
    else:
        raise UserError(
            f"{path} has no known ending: {', '.join(_FASTA)}, .data, .csv, .tsv, also with .gz, "
            "or .zip"
        )
    if not found:
        raise UserError(f"{path} has no sequences")
    return found


def parse_fasta(text: str, path: str | Path = "the text") -> list[Entry]:
    """Entries of a text in FASTA; a sequence may run over several lines.

    Args:
      text: of the file.
      path: of the file, for messages.

    Raises:
      UserError: there is something before the first entry, or entries lack their names.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    start, *blocks = re.split(r"^>", text, flags=re.MULTILINE)
    before = [line for line in start.splitlines() if line.strip() and not line.startswith(";")]
    if before:
        raise UserError(
            f"{path} is not a FASTA file: it begins with {before[0][:40]!r} and not with >, a "
            "name, and a sequence from the next line on"
        )
    entries = []
    for block in blocks:
        header, _, body = block.partition("\n")
        words = header.split()
        entry = {"name": words[0] if words else ""}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if equals:
                entry[key.lower()] = value
        entries.append({**entry, "sequence": "".join(body.split())})
    return entries


def places(entries: list[Entry]) -> list[str]:
    """The names of the entries in messages: their own names if they have any, else their rows."""
    return [
        f"sequence {entry['name']!r}" if entry.get("name") else f"sequence {number}"
        for number, entry in enumerate(entries, 1)
    ]


def column(entries: list[Entry], name: str, path: str | Path) -> list[str]:
    """One column of a table.

    If columns are numbered (`base_1`, `base_2`, ...), the name without the number joins them in the
    order of their numbers.

    Raises:
      UserError: there is no such column, or a number is left out.
    """
    name = name.lower()
    numbered = {
        int(match[1]): key
        for key in entries[0]
        if (match := re.fullmatch(re.escape(name) + r"_?(\d+)", key))
    }
    keys = [name] if name in entries[0] else [numbered[k] for k in sorted(numbered)]
    if not keys:
        raise UserError(f"{path} has no column {name!r}; it has {', '.join(entries[0])}")
    if name not in entries[0] and max(numbered) - min(numbered) + 1 != len(numbered):
        lacking = sorted(set(range(min(numbered), max(numbered))) - set(numbered))
        raise UserError(f"{path} has columns {keys[0]} to {keys[-1]} but no number {lacking[0]}")
    for place, entry in zip(places(entries), entries, strict=True):
        for key in keys:
            if key not in entry:
                raise UserError(f"{path} has no {key!r} for {place}, and others have one")
    return ["".join("".join(entry[key].split()) for key in keys) for entry in entries]


def _table(text: str, path: Path, delimiter: str) -> list[Entry]:
    rows = read_rows(text, path, delimiter)
    header = [key.strip().lower() for key in rows[0].cells] if rows else []
    twice = repeated(header)
    if twice:
        raise UserError(f"{path} has two columns that are called {twice[0]!r}")
    _check_width(rows, len(header), path, f"the {len(header)} columns of its header")
    return [dict(zip(header, row.cells, strict=True)) for row in rows[1:]]


def _check_width(rows: list[Row], width: int, path: Path, what: str) -> None:
    for line, cells in rows:
        if len(cells) != width:
            raise UserError(f"{path} line {line} has {len(cells)} columns, which are not {what}")


def _unzip(path: Path, member: str | None) -> tuple[str, str]:
    try:
        with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
            names = [name for name in archive.namelist() if Path(name).name == member]
            if not names:
                raise UserError(f"{path} has no file {member} in it")
            check_archive(archive, path, names[:1])
            return names[0], decode_text(archive.read(names[0]), f"{path}/{names[0]}")
    except (OSError, EOFError, ValueError, *DAMAGED_ZIP) as error:
        raise UserError(f"{path} cannot be read ({error})") from None
