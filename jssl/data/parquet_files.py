"""Parquet and Arrow files as tables of text cells, by the pyarrow library.

The library is an extra: `pip install jssl[parquet]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jssl.data.delimited import Delimited
from jssl.data.files import open_regular, too_large, unpack_limit
from jssl.data.targets import list_cell
from jssl.errors import UserError

PARQUET = (".parquet", ".pq")
_TEXT_TYPES = "numbers, texts, truth values, dates or categories"


def read_parquet(path: Path) -> Delimited:
    """The rows of a Parquet file as text, so that the rules of CSV files apply.

    Missing values are empty cells, truth values "true" and "false", dates in ISO form, and lists of
    texts or whole numbers cells of several labels (`jssl.data.targets.list_cell`).

    Returns:
      The table; a row's "line" is its number, from 1.

    Raises:
      UserError: the library is missing, the file is damaged, empty or too large, or a column holds
        structures, bytes, or lists of other than texts and whole numbers.
    """
    pyarrow = library(path)
    with open_regular(path) as stream:
        if not stream.read(1):
            raise UserError(f"{path} is empty")
        stream.seek(0)
        try:
            file = pyarrow.parquet.ParquetFile(stream)
            meta = file.metadata
            size = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
            if size > (limit := unpack_limit(path.stat().st_size)):
                raise too_large(path, limit)
            table = file.read()
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
            reason = str(error).split("\n")[0].split(": ")[-1].rstrip(".")[:200]
            raise UserError(f"{path} is not a readable Parquet file ({reason})") from None
    return as_cells(table, path)


def as_cells(table: Any, path: Path) -> Delimited:
    """An Arrow table as text cells; see `read_parquet`.

    Raises:
      UserError: it has no rows, or a column holds something else.
    """
    names = tuple(table.column_names)
    if not table.num_rows or not names:
        raise UserError(f"{path} has no rows" if names else f"{path} has no columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path} has two columns named {twice[0]!r}; names must differ")
    columns = [_column(table.column(k), name, path) for k, name in enumerate(names)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Delimited(path, names, rows, list(range(1, len(rows) + 1)), ",")


def _column(column: Any, name: str, path: Path) -> list[str]:
    types = library(path).types
    kind = column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if is_label_list(types, kind):
        return [list_cell(value) for value in column.to_pylist()]
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise UserError(
            f"{path}: the column {name!r} holds {kind}, and a table needs {_TEXT_TYPES}; leave it "
            "out"
        )
    return [_cell(value) for value in column.to_pylist()]


def is_label_list(types: Any, kind: Any) -> bool:
    """Whether an Arrow type is a list of texts or of whole numbers."""
    if not (types.is_list(kind) or types.is_large_list(kind)):
        return False
    inner = kind.value_type
    return types.is_string(inner) or types.is_large_string(inner) or types.is_integer(inner)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value).strip()


def library(path: Path) -> Any:
    """The pyarrow module with its readers.

    Raises:
      UserError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
        import pyarrow.types
    except ImportError:
        raise UserError(
            f"{path}: Parquet and Arrow files need the pyarrow library: pip install jssl[parquet]"
        ) from None
    return pyarrow
