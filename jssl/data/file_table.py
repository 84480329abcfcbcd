"""A CSV file that says something of each file of a folder: its label, its group, its caption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from jssl.data.delimited import read_delimited
from jssl.data.notes import shown
from jssl.data.targets import are_flags, joined
from jssl.errors import UserError

FILE_COLUMNS = (
    *("path", "file", "filename", "file_name", "image", "image_path", "name", "id", "audio"),
    *("filepath", "file_path", "img", "image_id"),
)


def read_column(spec: str, names: Sequence[str], what: str) -> list[str]:
    """The value of each file in a CSV file.

    A row names a file by its path in the folder, by its name alone where that is unique, or by its
    name without suffix.

    Args:
      spec: `FILE.csv` or `FILE.csv:COLUMN`; for labels also `FILE.csv:COLUMN,COLUMN`, each 0 or 1.
      names: paths of the files, relative to their folder, N of them.
      what: of the value, "label" or "group": also the column that is taken if there is one of that
        name; otherwise the second of two columns is, or, for labels, all where all hold 0 or 1.

    Returns:
      N texts; of several columns as in `jssl.data.targets.joined`.

    Raises:
      UserError: naming the CSV file: it cannot be read, names files that are not there or a file
        twice, lacks a row for some, or has no such column.
    """
    path, column = split_spec(spec)
    rows = read_rows_by_file(path, names)
    position = _columns(rows, column, what, path)
    missing = [name for name in names if name not in rows.cells]
    if missing:
        raise UserError(
            f"{path} has no row for {len(missing)} of the {len(names)} files, such as "
            f"{shown(missing)}; add their rows, or move these files out of the folder"
        )
    if len(position) > 1:
        columns = {rows.columns[k]: [rows.cells[name][0][k] for name in names] for k in position}
        return joined(columns, lambda column, row: f"{path}: the {column} of {names[row]}")
    return [rows.cells[name][0][position[0]].strip() for name in names]


def split_spec(spec: str) -> tuple[Path, str | None]:
    """`FILE.csv:COLUMN` -> (path, column); the column is None without one.

    Raises:
      UserError: there is no such file.
    """
    path = Path(spec).expanduser()
    if path.is_file():
        return path, None
    head, colon, tail = spec.rpartition(":")
    if colon and Path(head).expanduser().is_file():
        return Path(head).expanduser(), tail
    raise UserError(f"there is no file {head if colon else spec}; it should be a CSV of file names")


class RowsByFile:
    """Rows of a CSV file by the file that they name.

    Attributes:
      columns: names of the columns.
      file_column: position of the one that names files.
      cells: path of a file -> its rows.
    """

    def __init__(
        self, columns: tuple[str, ...], file_column: int, cells: dict[str, list[list[str]]]
    ) -> None:
        self.columns, self.file_column, self.cells = columns, file_column, cells


def read_rows_by_file(path: Path, names: Sequence[str], *, repeated: bool = False) -> RowsByFile:
    """The rows of a CSV file, by the file of a folder that each names; see `read_column`.

    Args:
      path: of the CSV file, with a header.
      names: paths of the files, relative to their folder.
      repeated: whether several rows may name a file.
    """
    table = read_delimited(path, header=True)
    assert table.names is not None
    known = _aliases(names)
    position = _file_column(table.names, table.rows, known, path)
    cells: dict[str, list[list[str]]] = {}
    strange = []
    for row, line in zip(table.rows, table.lines, strict=True):
        named = row[position].strip().replace("\\", "/").removeprefix("./")
        name = known.get(named) or known.get(PurePosixPath(named).name)
        if name is None:
            strange.append(named)
        elif name in cells and not repeated:
            raise UserError(f"{path} line {line} names {named} a second time; keep one row of each")
        else:
            cells.setdefault(name, []).append(row)
    if strange:
        raise UserError(
            f"{path} names {len(strange)} files that are not in the folder, such as "
            f"{shown(strange)}; remove those rows, or add the files"
        )
    return RowsByFile(table.names, position, cells)


def _aliases(names: Sequence[str]) -> dict[str, str]:
    """What a row may call a file -> its path; a name that fits several is left out."""
    found: dict[str, str] = {}
    several: set[str] = set()
    for name in names:
        parts = PurePosixPath(name)
        for alias in {parts.name, parts.stem, str(parts.with_suffix(""))}:
            if found.setdefault(alias, name) != name:
                several.add(alias)
    for alias in several:
        del found[alias]
    return found | {name: name for name in names}


def _file_column(
    columns: tuple[str, ...], rows: list[list[str]], known: dict[str, str], path: Path
) -> int:
    by_name = [i for i, name in enumerate(columns) if name.strip().lower() in FILE_COLUMNS]
    first = rows[:50]

    def hits(i: int) -> int:
        return sum(
            row[i].strip() in known or PurePosixPath(row[i].strip()).name in known for row in first
        )

    best = max(range(len(columns)), key=hits)
    if hits(best):
        return best
    if by_name:
        return by_name[0]
    raise UserError(
        f"{path} has the columns {', '.join(columns)}, and none of them names files of the folder"
    )


def _columns(rows: RowsByFile, wanted: str | None, what: str, path: Path) -> list[int]:
    """Places of the columns that hold the value: one, or several of labels."""
    columns = rows.columns
    others = [i for i in range(len(columns)) if i != rows.file_column]
    if wanted is not None:
        named = [wanted] if wanted in columns or what != "label" else wanted.split(",")
        lacking = [name for name in named if name not in columns]
        if lacking:
            raise UserError(f"{path} has no column {lacking[0]!r}; it has {', '.join(columns)}")
        return [columns.index(name) for name in named]
    called = [i for i in others if columns[i].strip().lower() in (what, f"{what}s")]
    if called or len(others) == 1:
        return (called or others)[:1]
    cells = [row for own in rows.cells.values() for row in own]
    if what == "label" and all(are_flags([row[i] for row in cells]) for i in others):
        return others
    raise UserError(
        f"{path} has the columns {', '.join(columns)}; say which holds the {what}, as "
        f"--{what} {path.name}:COLUMN"
    )
