"""Files of the splits that lie side by side: `train.csv`, `validation.csv` and `test.csv`."""

from __future__ import annotations

from pathlib import Path

from jssl.data.arrow_files import is_saved, saved_splits
from jssl.data.listing import SPLITS
from jssl.errors import UserError


def split_files(path: str | Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    """A file alone, or the files of the splits in a folder, such as `train.csv` and `test.csv`.

    Args:
      path: of the file, of a folder with one file or with a file of each split, or of a saved data
        set (`jssl.data.arrow_files`).
      suffixes: that a file may have, before which the name of the split stands.
      what: such a file is, for messages.

    Returns:
      "train" and perhaps "validation" and "test" -> file.

    Raises:
      UserError: there is nothing, a split has two files, or none is of train.
    """
    root = Path(path).expanduser()
    if root.is_file():
        return {"train": root}
    if not root.is_dir():
        raise UserError(f"there is no file or folder {root}")
    if is_saved(root):
        return saved_splits(root)
    meant = {name: split for split, names in SPLITS.items() for name in names}
    meant["dev"] = "validation"  # as text data sets call it
    own = [p for p in sorted(root.iterdir()) if p.is_file() and p.name[0] != "."]
    own = [p for p in own if p.name.lower().endswith(suffixes)]
    if len(own) == 1:
        return {"train": own[0]}
    found: dict[str, Path] = {}
    for file in own:
        split = meant.get(file.name.lower().partition(".")[0])
        if split is None:
            continue
        if split in found:
            raise UserError(f"{root} has two files of {split}, {found[split].name} and {file.name}")
        found[split] = file
    if "train" not in found:
        raise UserError(
            f"{root} has {len(own)} files of {what} ({', '.join(suffixes)}); give one of them, or "
            "name them train, validation and test"
        )
    return {split: found[split] for split in SPLITS if split in found}
