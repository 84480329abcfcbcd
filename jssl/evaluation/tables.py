"""Tables of evaluation records: single runs, several runs and seeds, and published results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jssl.core.intervals import mean_interval, plus_minus
from jssl.core.table import Table
from jssl.errors import MALFORMED, UserError
from jssl.evaluation.record import KIND, Record
from jssl.runs.run import read_record

BASELINES = ("untrained", "raw")


def record_table(record: Record) -> Table:
    """Table of one record, with one row per representation.

    Args:
      record: the record.

    Returns:
      The table.
    """
    columns = list(dict.fromkeys(name for row in record.rows.values() for name in row))
    rows = tuple(
        (name, *(cell(row.get(column)) for column in columns)) for name, row in record.rows.items()
    )
    sizes = ", ".join(f"{s['size']} {name}" for name, s in record.data["splits"].items())
    notes = (
        *_units(record),
        f"{record.data['name']}: {record.data['classes']} classes, {sizes}. Training seed "
        f"{record.seeds['training']}. Protocol {record.protocol['id']}.",
        *record.notes,
    )
    return Table(("features", *columns), rows, notes, _emphasis(record.rows))


def runs_table(records: Sequence[Record]) -> Table:
    """Table of several records of one protocol: a row per run and representation, over seeds.

    Runs that differ only in the seed are merged into one row: the mean over seeds with its 95 %
    interval (Student's t). A single seed keeps the interval of its record, and a note says so.

    Args:
      records: records with the same protocol id and data set.

    Returns:
      The table.

    Raises:
      UserError: there is no record, or the records are not comparable.
    """
    if not records:
        raise UserError("there is no evaluation record to tabulate")
    for what, key in (
        ("protocols", lambda r: r.protocol["id"]),
        ("test splits", lambda r: r.data["splits"]["test"]["fingerprint"]),
    ):
        found = sorted({key(r) for r in records})
        if len(found) > 1:
            raise UserError(
                f"records of different {what} do not belong in one table: {', '.join(found)}"
            )
    columns = list(dict.fromkeys(n for r in records for row in r.rows.values() for n in row))
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(label_of(record), []).append(record)
    beside, sources = published(records)
    rows, emphasis, single = [], set(), False
    for label, group in groups.items():
        group = list({r.seeds["training"]: r for r in group}.values())
        single |= len(group) == 1
        for name in dict.fromkeys(name for r in group for name in r.rows):
            seeds = [r.rows[name] for r in group if name in r.rows]
            title = f"{label}, {name}"
            cells = [cell(over_seeds([row[c] for row in seeds if c in row])) for c in columns]
            last = (beside.get(label, "") if name == "trained" else "",) if beside else ()
            rows.append((title, str(len(seeds)), *cells, *last))
            if not name.startswith(BASELINES):
                emphasis.add(title)
    first = records[0]
    interval = "± is a 95 % interval of the mean over training seeds (Student's t)."
    if single:
        interval += " Where there is one seed it is the record's own and does not cover training."
    notes = (
        *_units(first),
        interval,
        f"{first.data['name']}; protocol {first.protocol['id']}.",
        *dict.fromkeys(note for r in records for note in r.notes),
        *sources,
    )
    header = ("run", "seeds", *columns, *(("published",) if beside else ()))
    return Table(header, tuple(rows), notes, frozenset(emphasis))


def published(records: Sequence[Record]) -> tuple[dict[str, str], list[str]]:
    """Published results for the same protocol.

    Args:
      records: records of one protocol.

    Returns:
      Run label -> cell with a reference to a note, and the notes.
    """
    cells: dict[str, str] = {}
    sources: list[str] = []
    for record in records:
        label = label_of(record)
        for figure, value, source in record.run.get("expected", ()):
            if label in cells or figure not in record.protocol["name"]:
                continue
            if source not in sources:
                sources.append(source)
            cells[label] = f"{100 * value:.1f} [{sources.index(source) + 1}]"
    return cells, [f"[{i}] {source}" for i, source in enumerate(sources, 1)]


def label_of(record: Record) -> str:
    """Label of a run in a table: its experiment and its overrides."""
    changed = [text for text in record.run["overrides"] if not text.startswith("data.")]
    return " ".join([record.run["name"], *changed])


def over_seeds(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean and interval of one column over seeds; None if no record has the column."""
    if len(scores) < 2:
        return dict(scores[0]) if scores else None
    mean, interval = mean_interval([score["value"] for score in scores])
    return {"value": mean, "interval": interval, "percent": scores[0]["percent"]}


def cell(score: Mapping[str, Any] | None) -> str:
    """Formats a score with its interval; fractions are shown in percent."""
    if score is None:
        return ""
    return plus_minus(score["value"], score["interval"], percent=score["percent"])


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
        value = [{**read_record(path.parent), "result": value}]  # the standard result of a run
    found = []
    for entry in value if isinstance(value, list) else []:
        if isinstance(entry, dict) and entry.get("kind") == KIND:
            found.append(_whole(Record(**entry)))
        elif isinstance(entry, dict) and "knn" in str(entry.get("result", {})):
            found.append(from_result(entry))
    return found


def _whole(record: Record) -> Record:
    """Validates the fields that tables use and returns the record."""
    _ = record.protocol["id"], record.protocol["name"], record.data["name"]
    _ = record.data["splits"]["test"]["fingerprint"]
    record_table(record)
    return record


def from_result(entry: Mapping[str, Any]) -> Record:
    """Converts the standard result of a run, as stored by results/collect.py, to a record."""
    result = entry["result"]
    rows = {}
    for name, row in result["rows"].items():
        parts = {f"kNN, k={k}": score for k, score in row["knn"].items()}
        parts["linear"] = row["linear"]
        parts |= {f"{count} a class": score for count, score in row["few_label"].items()}
        rows[name] = {
            column: {
                "value": score.get("top1", score.get("mean")),
                "interval": score["interval"],
                "percent": True,
            }
            for column, score in parts.items()
        }
    run = {key: entry[key] for key in ("name", "seed", "fingerprint", "overrides")}
    return Record(
        protocol={"name": "frozen", "id": result["protocol"]["id"], "settings": result["protocol"]},
        run=run,
        data={"name": "test split", **result["data"]},
        rows=rows,
        details={},
        notes=[],
        seeds={"training": entry["seed"], **result["seeds"]},
        versions=result["versions"],
        hardware=entry["hardware"],
        command=result["command"],
    )


def _units(record: Record) -> tuple[str, ...]:
    shares = [s["percent"] for row in record.rows.values() for s in row.values()]
    return ("Shares are in %.",) if any(shares) else ()


def _emphasis(rows: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in rows if not name.startswith(BASELINES))
