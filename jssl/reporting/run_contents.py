"""What pages read from a run's folder: its name, alarms and evaluation records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jssl.config.user_code import is_file
from jssl.errors import MALFORMED, UserError
from jssl.evaluation.record import Record
from jssl.evaluation.tables import record_table
from jssl.runs.run import read_record


def display_name(name: str) -> str:
    """The name of an experiment; of one in a user's file, the file's without its folder."""
    return Path(name).stem if is_file(name) else name


def read_alarms(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The diagnoses of a run; see `jssl/health/monitor.py`.

    Args:
      folder: the run's.

    Returns:
      (the entries of `alarms.json`, a sentence for each); a damaged file has one sentence and no
      entries.
    """
    path = Path(folder) / "alarms.json"
    if not path.exists():
        return [], []
    try:
        found = json.loads(path.read_text())
        said = [f"{alarm['sentence']}. Last seen at step {alarm['last_step']}." for alarm in found]
    except (OSError, *MALFORMED):
        return [], [f"{path.name} is damaged and was not read"]
    return found, said


def read_protocols(folder: Path) -> dict[str, Record]:
    """Records of the protocols that were evaluated on a run, by the names of their files.

    Records of another run, left in the folder, are passed over.

    Raises:
      UserError: a record is damaged.
    """
    fingerprint = read_record(folder)["fingerprint"]
    found = {}
    for path in sorted((Path(folder) / "evaluations").glob("*.json")):
        try:
            record = Record.load(path)
            if record.run["fingerprint"] == fingerprint:
                record_table(record)  # reads all that a table needs
                found[path.stem] = record
        except MALFORMED as error:
            raise UserError(
                f"{path} is damaged: remove it, or measure the protocol again"
            ) from error
    return found
