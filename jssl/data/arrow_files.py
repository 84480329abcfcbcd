"""Data sets that the Hugging Face `datasets` library saved to disk, read without it, by pyarrow.

`save_to_disk` writes a folder with `dataset_info.json`, `state.json` and Arrow files; a
`DatasetDict` is a folder of those, with `dataset_dict.json`. The library pyarrow is an extra: `pip
install jssl[parquet]`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jssl.data.delimited import Delimited
from jssl.data.files import inside, open_regular
from jssl.data.listing import SPLITS
from jssl.data.notes import note
from jssl.data.parquet_files import as_cells, is_label_list, library
from jssl.data.targets import list_cell
from jssl.data.text_files import read_text
from jssl.errors import UserError

_INFO, _STATE, _DICT = "dataset_info.json", "state.json", "dataset_dict.json"


def is_saved(path: Path) -> bool:
    """Whether a path is a folder that `save_to_disk` wrote, of one split or several."""
    return path.is_dir() and ((path / _DICT).is_file() or (path / _STATE).is_file())


def saved_splits(path: Path) -> dict[str, Path]:
    """The folder of each split; one without splits is train.

    Raises:
      UserError: the file that lists the splits is damaged, or train is not among them.
    """
    if not (path / _DICT).is_file():
        return {"train": path}
    listed = _json(path / _DICT).get("splits")
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise UserError(f"{path / _DICT} lists no splits")
    meant = {name: split for split, names in SPLITS.items() for name in names}
    found = {
        meant[name.lower()]: inside(path, name, path / _DICT)
        for name in listed
        if name.lower() in meant
    }
    if "train" not in found:
        raise UserError(f"{path / _DICT} has the splits {', '.join(listed)[:200]}, and not train")
    return {split: found[split] for split in SPLITS if split in found}


def read_saved(path: Path) -> Delimited:
    """The rows of one split as text cells; class labels are their names.

    A list of texts or class labels is a cell of several labels. Columns of images, sounds and the
    like are left out, which a note says.

    Raises:
      UserError: a file is missing or damaged, pyarrow is not installed, or no column is left.
    """
    table, features = saved_table(path)
    plain, left = plain_columns(table, path)
    if not plain:
        raise UserError(f"{path} has no column of texts or numbers: {', '.join(left)[:200]}")
    if left:
        note(f"{path} is read without the columns {', '.join(left)[:200]}")
    return saved_cells(table.select(plain), features, path)


def image_column(path: Path) -> str | None:
    """The first column of images of a saved data set; None if there is none, or it is damaged."""
    try:
        folder = saved_splits(path)["train"]
        features = dict(_json(folder / _INFO)["features"])
    except (UserError, OSError, KeyError, TypeError, ValueError):
        return None
    for name, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "Image":
            return name
    return None


def saved_table(path: Path) -> tuple[Any, dict[str, Any]]:
    """The Arrow table of one split, and what its columns are, by name.

    Raises:
      UserError: a file is missing or damaged, or pyarrow is not installed.
    """
    pyarrow = library(path)
    state, info = _json(path / _STATE), _json(path / _INFO)
    files = state.get("_data_files")
    if state.get("_indices_files") or state.get("_format_columns"):
        raise UserError(
            f"{path} is a selection of another data set; save it again after flatten_indices()"
        )
    try:
        names = [file["filename"] for file in files]
        features = dict(info["features"])
        if not names or not all(isinstance(name, str) for name in names):
            raise ValueError("no names")
    except (TypeError, KeyError, ValueError):
        raise UserError(
            f"{path / _STATE} or {_INFO} beside it does not say which files and columns there are"
        ) from None
    parts = []
    for name in names:
        file = inside(path, name, path / _STATE)
        with open_regular(file) as stream:
            try:
                with pyarrow.ipc.open_stream(stream) as reader:
                    parts.append(reader.read_all())
            except (pyarrow.ArrowException, OSError, ValueError) as error:
                reason = str(error).split("\n")[0].split(": ")[-1].rstrip(".")[:200]
                raise UserError(f"{file} is not a readable Arrow file ({reason})") from None
    try:
        table = pyarrow.concat_tables(parts)
    except pyarrow.ArrowException:
        raise UserError(f"{path}: its Arrow files differ in their columns") from None
    return table, features


def plain_columns(table: Any, path: Path) -> tuple[list[str], list[str]]:
    """Names of the columns of texts, numbers and lists of labels, and of the others."""
    pyarrow = library(path)
    plain = [field.name for field in table.schema if _plain(pyarrow, field.type)]
    return plain, [name for name in table.column_names if name not in plain]


def saved_cells(table: Any, features: dict[str, Any], path: Path) -> Delimited:
    """Plain columns as text cells, with class labels as their names."""
    return _named(as_cells(table, path), features)


def _named(table: Delimited, features: dict[str, Any]) -> Delimited:
    """The table with class labels as names."""
    for place, name in enumerate(table.names or ()):
        feature = features.get(name)
        inner = feature[0] if isinstance(feature, list) and feature else feature
        if isinstance(inner, dict) and isinstance(inner.get("feature"), dict):
            inner = inner["feature"]  # of a list of class labels
        names = inner.get("names") if isinstance(inner, dict) else None
        if not isinstance(names, list):
            continue
        for row, number in zip(table.rows, table.lines, strict=True):
            where = f"{table.path}, row {number}: {name!r}"
            if row[place].endswith(";"):
                each = [_class(text, names, where) for text in row[place].split(";") if text]
                row[place] = list_cell(each)
            else:
                row[place] = _class(row[place], names, where)
    return table


def _class(text: str, names: list[Any], where: str) -> str:
    """The name of a class label."""
    if text in ("", "-1"):  # -1 is how the library writes that there is none
        return ""
    if text.isdigit() and int(text) < len(names):
        return str(names[int(text)])
    raise UserError(f"{where} is {text}, and has {len(names)} names")


def _plain(pyarrow: Any, kind: Any) -> bool:
    types = pyarrow.types
    if is_label_list(types, kind):
        return True
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise UserError(f"{path} is not a JSON file") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is not a JSON object")
    return found
