"""Tables of evaluation records: of a run, of several runs and seeds, beside published results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jssl.core.intervals import mean_interval, plus_minus
from jssl.core.table import Table
from jssl.errors import UserError
from jssl.evaluation.record import RAW, UNTRAINED, Record

UNCONVERGED = "† the solver stopped at its limit of iterations."


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
        f"{record.data['name']}: {_classes(record)}, {sizes}. Training seed "
        f"{record.seeds['training']}. Protocol {record.protocol['id']}.",
        *record.notes,
        *unconverged([record]),
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
            if not is_baseline(name):
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
        *unconverged(records),
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
    converged = all(score.get("converged", True) for score in scores)
    shown = {"percent": scores[0]["percent"], "converged": converged}
    return {"value": mean, "interval": interval, **shown}


def cell(score: Mapping[str, Any] | None) -> str:
    """Formats a score with its interval; fractions are shown in percent.

    A dagger marks a score whose solver did not converge; see `UNCONVERGED`.
    """
    if score is None:
        return ""
    text = plus_minus(score["value"], score["interval"], percent=score["percent"])
    return text if score.get("converged", True) else f"{text} †"


def unconverged(records: Sequence[Record]) -> tuple[str, ...]:
    """The note on scores whose solver did not converge; empty if there is none."""
    scores = [score for r in records for row in r.rows.values() for score in row.values()]
    return () if all(score.get("converged", True) for score in scores) else (UNCONVERGED,)


def _classes(record: Record) -> str:
    if "labels" in record.data:
        return f"{record.data['labels']} labels, several an example"
    return f"{record.data['classes']} classes"


def _units(record: Record) -> tuple[str, ...]:
    shares = [s["percent"] for row in record.rows.values() for s in row.values()]
    return ("Shares are in %.",) if any(shares) else ()


def _emphasis(rows: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in rows if not is_baseline(name))


def is_baseline(row: str) -> bool:
    """Whether a row is the untrained encoder's or the raw input's."""
    return row.startswith((UNTRAINED, RAW))
