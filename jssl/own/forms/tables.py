"""Tables with an example a row: CSV, Parquet, or a saved Hugging Face data set."""

from __future__ import annotations

from pathlib import Path

from jssl.data.arrow_files import is_saved
from jssl.data.row_files import TABLES
from jssl.data.table_file import TableFile
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions
from jssl.own.peek import first_file
from jssl.own.tally import tallied


def matches(path: Path) -> bool:
    """Whether it is a table by its ending, or a folder with one or with those of the splits."""
    return is_saved(path) or first_file(path, TABLES) is not None


def open_table(path: Path, options: OwnOptions) -> Found:
    """Reads the table and finds what its columns hold."""
    if options.split_by == "time" and options.time is None:
        raise UserError("--split-by time needs --time: the column by which rows are in order")
    data = TableFile(
        str(path),
        label=options.label,
        group=options.group,
        time=options.time,
        use=options.columns,
        split=options.rule(timed=options.time is not None),
    )
    splits, columns = data.read()
    kinds = [0 if values is None else 1 + len(values) for values in columns.values]
    numeric = kinds.count(0)
    details = f"{numeric} numeric and {len(kinds) - numeric} categorical columns"
    facts = {"categories": kinds, "names": list(columns.names)}
    return tallied("table", "rows", data, splits, details=details, facts=facts)


FORMS = (Form("table", "table", "a table", matches, open_table, priority=3),)
