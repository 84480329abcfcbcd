"""Reads evaluation records from files and folders, those of former versions among them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jssl.errors import MALFORMED, UserError
from jssl.evaluation.protocols import protocol
from jssl.evaluation.record import KIND, Record, Score, identity
from jssl.evaluation.tables import record_table
from jssl.runs.run import read_record

FORMER_FEW_LABEL_GRID = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Values of C of the few-label probe, where results.json had its former form."""


def read_records(paths: Sequence[Path]) -> list[Record]:
    """Reads all evaluation records under some paths.

    Args:
      paths: record files, files with several records (as written by results/collect.py), or
        folders of one or more runs.

    Returns:
      The records, in the order of the paths.

    Raises:
      UserError: a path does not exist, or contains no record.
    """
    found: list[Record] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*.json")) if "checkpoints" not in p.parts]
            records = [r for p in inside for r in _records_of(p, strict=False)]
        else:
            records = _records_of(path, strict=True)
        if not records:
            raise UserError(
                f"{path} holds no evaluation record: run jssl evaluate RUN --protocol NAME first"
            )
        found += records
    return found


def _records_of(path: Path, *, strict: bool) -> list[Record]:
    try:
        value = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        if strict:
            raise UserError(f"{path} is not JSON: {error}") from error
        return []
    try:
        return _records_in(value, path)
    except MALFORMED as error:
        raise UserError(
            f"{path} is damaged: it is no whole evaluation record; remove it, or evaluate again"
        ) from error


def _records_in(value: Any, path: Path) -> list[Record]:
    if isinstance(value, dict) and value.get("kind") == KIND:
        return [_whole(Record(**value))]
    beside = path.with_name("run.json")
    if (
        isinstance(value, dict)
        and {"rows", "protocol", "seeds"} <= value.keys()
        and beside.exists()
    ):
        value = [{**read_record(path.parent), "result": value}]
    found = []
    for entry in value if isinstance(value, list) else []:
        if isinstance(entry, dict) and entry.get("kind") == KIND:
            found.append(_whole(Record(**entry)))
        elif isinstance(entry, dict) and isinstance(entry.get("records"), list):
            found += [_whole(Record(**one)) for one in entry["records"]]
        elif isinstance(entry, dict) and "knn" in str(entry.get("result", {})):
            found += map(_whole, from_result(entry))
    return found


def _whole(record: Record) -> Record:
    """Validates the fields that tables use and returns the record."""
    _ = record.protocol["id"], record.protocol["name"], record.data["name"]
    _ = record.data["splits"]["test"]["fingerprint"]
    record_table(record)
    return record


def from_result(entry: Mapping[str, Any]) -> list[Record]:
    """Converts the table of a run, in the form that results.json once had, to records.

    Args:
      entry: that table as "result", and "name", "seed", "fingerprint", "overrides" and "hardware"
        of the run.

    Returns:
      Records of the protocols knn, linear and few_labels_a_class.
    """
    result, run = entry["result"], {k: entry[k] for k in ("name", "seed", "fingerprint")}
    settings, seeds = result["protocol"], result["seeds"]
    chosen = {
        "knn": ("ks", "temperature"),
        "linear": ("strengths", "refit"),
        "few_labels_a_class": ("per_class", "draws"),
    }
    records = []
    for name, fields in chosen.items():
        taken = {field: settings[field] for field in fields} | {"select_on": settings["select_on"]}
        if name == "few_labels_a_class":
            taken["strengths"] = FORMER_FEW_LABEL_GRID
        if "strengths" in taken:  # the search kept to its grid
            taken["bounds"] = min(taken["strengths"]), max(taken["strengths"])
        taken = {k: tuple(v) if isinstance(v, list) else v for k, v in taken.items()}
        evaluation = dataclasses.replace(protocol(name), seed=seeds["evaluation"], **taken)
        facts = {"name": name, "id": identity(name, evaluation), "about": evaluation.about}
        facts |= {"source": evaluation.source}
        found = {row: _former(name, scores) for row, scores in result["rows"].items()}
        records.append(
            Record(
                protocol=facts
                | {"settings": json.loads(json.dumps(dataclasses.asdict(evaluation)))},
                run={**run, "overrides": entry["overrides"]},
                data={"name": "test split", **result["data"]},
                rows={row: scores for row, (scores, _) in found.items()},
                details={row: details for row, (_, details) in found.items()},
                notes=list(evaluation.notes()),
                seeds={"training": entry["seed"], **seeds},
                versions=result["versions"],
                hardware=entry["hardware"],
                command=result["command"],
            )
        )
    return records


def _former(name: str, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scores and details of one protocol in a row of the former table."""
    if name == "knn":
        return {f"k={k}": _score(s["top1"], s["interval"]) for k, s in row["knn"].items()}, {}
    if name == "linear":
        own = row["linear"]
        details = {k: v for k, v in own.items() if k != "interval"}
        top1 = _score(own["top1"], own["interval"], own["converged"])
        return {"linear": top1, "validation": _score(own["validation_top1"])}, details
    few = {f"{count} a class": found for count, found in row["few_label"].items()}
    return {
        column: _score(found["mean"], found["interval"], found["converged"])
        for column, found in few.items()
    }, few


def _score(value: float, interval: float | None = None, converged: bool = True) -> dict[str, Any]:
    return dataclasses.asdict(Score(value, interval, converged=converged))
