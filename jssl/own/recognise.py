"""Recognises what a path holds, and opens it."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from pathlib import Path

from jssl.data.image_files import IMAGES
from jssl.data.video_folder import VIDEOS
from jssl.errors import UserError, nearest
from jssl.own.form import MODALITIES, Form, Found, OwnOptions

_SHEET, _PACKED = "save the sheet as CSV or Parquet", "unpack it and give the folder"
_ARRAYS = "write its arrays to an .npz file with numpy.savez"
_ADVICE = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), _SHEET),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), _PACKED),
    **dict.fromkeys((".mat", ".h5", ".hdf5", ".nii", ".dcm", ".pt", ".pkl", ".pickle"), _ARRAYS),
    **dict.fromkeys((*IMAGES.suffixes, *VIDEOS.suffixes), "give the folder of such files"),
    ".pdf": "give texts in a .txt file, or images",
}
"""Ending of a file that is not read -> what to do."""


@functools.cache
def forms() -> dict[str, Form]:
    """All forms by name, those of high priority first."""
    package = importlib.import_module("jssl.own.forms")
    found = [
        form
        for module in pkgutil.iter_modules(package.__path__)
        for form in importlib.import_module(f"{package.__name__}.{module.name}").FORMS
    ]
    return {form.name: form for form in sorted(found, key=lambda f: (-f.priority, f.name))}


def recognise(
    path: str | Path, options: OwnOptions | None = None, *, prefer: str | None = None
) -> Found:
    """What a file or folder of the user's holds.

    Args:
      path: of the file or folder.
      options: how it is read; see `OwnOptions`.
      prefer: modality of the experiment that will be trained: of several forms that match, such as
        table, series and texts for a CSV file, one of this modality is taken.

    Returns:
      What was found, with the data spec to train on.

    Raises:
      UserError: there is no such path, no form matches it, `options.form` is unknown, or the data
        cannot be used.
    """
    options = options or OwnOptions()
    where = Path(path).expanduser()
    if not where.exists():
        raise UserError(f"there is no file or folder {where}")
    where = where.resolve()
    if options.form is not None:
        if options.form not in forms():
            raise UserError(f"--form {options.form}: {nearest(options.form, forms())}")
        form = forms()[options.form]
    else:
        form = _recognised(where, prefer)
    return dataclasses.replace(form.open(where, options), form=form.name, path=str(where))


def _recognised(where: Path, prefer: str | None) -> Form:
    matching = [form for form in forms().values() if form.matches(where)]
    if not matching:
        known = _ADVICE.get(where.suffix.lower()) if where.is_file() else None
        advice = known or "--form names it"
        raise UserError(f"{where} is nothing that is recognised{_contents(where)}; {advice}")
    preferred = [form for form in matching if form.modality == prefer]
    return (preferred or matching)[0]


def _contents(where: Path) -> str:
    """What a path holds, for the message that none of it is known."""
    if where.is_file():
        return f" (a file with the suffix {where.suffix or 'none'})"
    suffixes: dict[str, int] = {}
    for number, file in enumerate(where.rglob("*")):
        if number > 20_000:
            break
        if file.is_file() and not file.name.startswith("."):
            suffix = file.suffix.lower() or "no suffix"
            suffixes[suffix] = suffixes.get(suffix, 0) + 1
    if not suffixes:
        return " (an empty folder)"
    most = sorted(suffixes.items(), key=lambda item: -item[1])[:3]
    return f" (a folder with {', '.join(f'{n} files of {s}' for s, n in most)})"


def describe_modality(modality: str) -> str:
    """What an experiment of a modality takes, in words."""
    return MODALITIES[modality]
