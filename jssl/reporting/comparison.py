"""What there is to say of several runs side by side, read from their folders.

Nothing of a run is executed: its record, metrics and evaluation records are data.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jssl.core.table import Table
from jssl.errors import UserError
from jssl.evaluation import run_table
from jssl.evaluation.record import Record
from jssl.evaluation.tables import cell, is_baseline, unconverged
from jssl.logging.writer import read_metrics
from jssl.reporting.run_contents import display_name, read_alarms, read_protocols
from jssl.runs.run import flatten, read_record

MISSING = "–"  # of a setting that a run does not have
_LEFT_OUT = ("data.data_dir",)  # where data lie; what they are is compared by fingerprint


@dataclasses.dataclass(frozen=True)
class Compared:
    """A run of a comparison.

    Attributes:
      folder: of the run.
      label: what tells it from the others.
      record: its `run.json`.
      metrics: see `jssl.logging.writer.read_metrics`; empty where nothing is recorded.
      results: the records of its table, or ().
      protocols: other records, by name.
      alarms: a sentence for each diagnosis.
    """

    folder: Path
    label: str
    record: Mapping[str, Any]
    metrics: Sequence[Mapping[str, float]]
    results: Sequence[Record]
    protocols: Mapping[str, Record]
    alarms: Sequence[str]

    @property
    def progress(self) -> str:
        """The last step that was recorded, in words."""
        if not self.metrics:
            return "no step recorded"
        return f"{int(self.metrics[-1]['step']):,} steps"


def read_runs(folders: Sequence[str | Path]) -> list[Compared]:
    """Reads the runs of a comparison.

    Args:
      folders: of two runs or more.

    Raises:
      UserError: fewer than two folders, one folder twice, or a folder that is not a run's or is
        damaged.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) < 2:
        raise UserError("a comparison needs the folders of at least two runs")
    seen: dict[Path, Path] = {}
    for path in paths:
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            raise UserError(f"{path} is given twice; a comparison needs different runs")
    records = [read_record(path) for path in paths]
    labels = labels_of(records, paths)
    return [
        Compared(
            path,
            label,
            record,
            read_metrics(path) if (path / "metrics.jsonl").exists() else [],
            run_table.load(path / "results.json") if (path / "results.json").exists() else (),
            {
                name: found
                for name, found in read_protocols(path).items()
                if name not in run_table.NAMES
            },
            read_alarms(path)[1],
        )
        for path, label, record in zip(paths, labels, records, strict=True)
    ]


def labels_of(records: Sequence[Mapping[str, Any]], folders: Sequence[Path]) -> list[str]:
    """Short names of runs that tell them apart.

    The experiments' names where they differ; for runs that share a name also the data, the
    overrides, the seed or, at last, the folder, whichever differ.
    """
    count = range(len(records))
    names = [display_name(record["name"]) for record in records]
    last = [folder.resolve().name for folder in folders]
    facts = [
        names,
        [Path(record.get("own", {}).get("path", "")).name for record in records],
        [" ".join(_not_shared(records, i)) for i in count],
        [f"seed {record['seed']}" for record in records],
        last if len(set(last)) == len(last) else list(map(str, folders)),
    ]
    labels = [""] * len(records)
    for fact in facts:
        if len(set(fact)) > 1:
            longer = [", ".join(filter(None, pair)) for pair in zip(labels, fact, strict=True)]
            labels = [longer[i] if labels.count(labels[i]) > 1 else labels[i] for i in count]
    return [label or name for label, name in zip(labels, names, strict=True)]


def _not_shared(records: Sequence[Mapping[str, Any]], index: int) -> list[str]:
    shared = set.intersection(*(set(record["overrides"]) for record in records))
    return [text for text in records[index]["overrides"] if text not in shared]


def differing_settings(runs: Sequence[Compared]) -> tuple[Table | None, Table | None]:
    """The settings that differ, a row each and a column for each run.

    Returns:
      (those that all runs have, those that some run has not, for its parts are others); None in
      place of a table without rows.
    """
    settings = [
        flatten(_by_name(run.record["experiment"]))
        | {"seed": run.record["seed"]}
        | {f"start.{k}": v for k, v in (run.record.get("start") or {}).items()}
        for run in runs
    ]
    keys = dict.fromkeys(key for found in settings for key in found if key != "name")
    rows = []
    for key in keys:
        values = [_shown(found[key]) if key in found else MISSING for found in settings]
        if len(set(values)) > 1 and key not in _LEFT_OUT:
            rows.append((key, *values))
    shared = [row for row in rows if MISSING not in row]
    return (
        _table("setting", runs, shared),
        _table("setting", runs, [row for row in rows if MISSING in row]),
    )


def _by_name(value: Any) -> Any:
    """A record with its lists of (name, value), such as the views, as mappings."""
    if isinstance(value, dict):
        return {key: _by_name(part) for key, part in value.items()}
    if not isinstance(value, list):
        return value
    if value and all(
        isinstance(part, list) and len(part) == 2 and isinstance(part[0], str) for part in value
    ):
        return {name: _by_name(part) for name, part in value}
    return [_by_name(part) for part in value]


def differing_circumstances(runs: Sequence[Compared]) -> Table | None:
    """What else differs: data, code, options, hardware and versions; None if nothing does."""
    facts: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "data": lambda r: r.get("own", {}).get("path", ""),
        **{f"{part} split": _split(part) for part in ("train", "validation", "test")},
        "code": lambda r: _shown(r.get("code", {})),
        "execution": lambda r: _shown(r.get("execution", {})),
        "mesh": lambda r: _shown(r.get("mesh", {})),
        "hardware": lambda r: r.get("hardware", MISSING),
    }
    names = dict.fromkeys(name for run in runs for name in run.record.get("versions", {}))
    rows = []
    for name, fact in facts.items():
        rows.append((name, *(fact(run.record) or MISSING for run in runs)))
    for name in names:
        found = (run.record.get("versions", {}).get(name, MISSING) for run in runs)
        rows.append((f"version of {name}", *found))
    return _table("", runs, [row for row in rows if len(set(row[1:])) > 1])


def _split(part: str) -> Callable[[Mapping[str, Any]], str]:
    def fact(record: Mapping[str, Any]) -> str:
        split = record.get("data", {}).get(part)
        return f"{split['examples']:,} examples, {split['fingerprint']}" if split else MISSING

    return fact


def _table(first: str, runs: Sequence[Compared], rows: Sequence[tuple[str, ...]]) -> Table | None:
    return Table((first, *(run.label for run in runs)), tuple(rows)) if rows else None


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value.rpartition(".")[2] if value.startswith("jssl.") else value
    return "none" if value is None else json.dumps(value)


def cautions(runs: Sequence[Compared]) -> list[str]:
    """Sentences on what makes the runs hard to compare, and on what went wrong in them."""
    found = []
    if len({_split("test")(run.record) for run in runs}) > 1:
        found.append(
            "The test splits differ, so that the runs' scores are of different examples and their "
            "differences say nothing of the methods."
        )
    elif len({_split("train")(run.record) for run in runs}) > 1:
        found.append("The runs were trained on different data; their test split is the same.")
    elif len(_alike([run for run in runs if run.results], lambda run: run.results)) > 1:
        found.append(
            "The runs were evaluated under protocols of different settings, and stand in tables of "
            "their own: evaluate them again with one version of jssl."
        )
    if len({str(run.record.get("method")) for run in runs}) > 1:
        found.append("The methods differ, so that their losses are on different scales.")
    if len({run.record.get("hardware") for run in runs}) > 1:
        found.append("The hardware differs, so that times are not comparable.")
    if len({_shown(run.record.get("code", {})) for run in runs}) > 1:
        found.append("The experiments' own code differs.")
    for run in runs:
        if not run.results and not run.protocols:
            found.append(f"{run.label} has not been evaluated: run jssl evaluate {run.folder}")
        found += [f"{run.label}: {sentence}" for sentence in run.alarms]
    return found


def result_tables(runs: Sequence[Compared]) -> dict[str, Table]:
    """Tables of results with intervals, by heading; baselines that are equal stand once."""
    found = {}
    evaluated = [run for run in runs if run.results]
    for group in _alike(evaluated, lambda run: run.results):
        tables = [run_table.run_table(run.results) for run in group]
        named = [(run.label, table.rows) for run, table in zip(group, tables, strict=True)]
        notes = tuple(dict.fromkeys(note for table in tables for note in table.notes))
        found[_heading("Results", group, evaluated)] = _rows_by_run(tables[0].header, named, notes)
    names = dict.fromkeys(name for run in runs for name in run.protocols)
    for name in names:
        having = [run for run in runs if name in run.protocols]
        for group in _alike(having, lambda run, name=name: [run.protocols[name]]):
            records = [run.protocols[name] for run in group]
            rows = [scores for record in records for scores in record.rows.values()]
            columns = tuple(dict.fromkeys(column for scores in rows for column in scores))
            named = [
                (run.label, _rows(record, columns))
                for run, record in zip(group, records, strict=True)
            ]
            notes = (*dict.fromkeys(n for r in records for n in r.notes), *unconverged(records))
            heading = _heading(f"Protocol {name}", group, having)
            found[heading] = _rows_by_run(("features", *columns), named, notes)
    return found


def _rows(record: Record, columns: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        (row, *(cell(scores.get(column)) for column in columns))
        for row, scores in record.rows.items()
    ]


def _alike(
    runs: Sequence[Compared], records: Callable[[Compared], Sequence[Record]]
) -> list[list[Compared]]:
    """Runs in groups whose records have equal protocols and an equal test split."""
    groups: dict[Any, list[Compared]] = {}
    for run in runs:
        key = tuple((r.protocol["id"], _fingerprint(r)) for r in records(run))
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def _fingerprint(record: Record) -> str:
    return record.data["splits"]["test"]["fingerprint"]


def _heading(title: str, group: Sequence[Compared], runs: Sequence[Compared]) -> str:
    return title if len(group) == len(runs) else f"{title}: {', '.join(r.label for r in group)}"


def _rows_by_run(
    header: Sequence[str],
    named: Sequence[tuple[str, Sequence[tuple[str, ...]]]],
    notes: tuple[str, ...],
) -> Table:
    """The rows of several runs below each other, equal rows of baselines once."""
    rows: dict[str, tuple[str, ...]] = {}
    emphasis = set()
    baselines: dict[tuple[str, ...], list[str]] = {}
    for label, found in named:
        for name, *cells in found:
            if is_baseline(name):
                baselines.setdefault((name, *cells), []).append(label)
                continue
            title = label if name == "trained" else f"{label}, {name}"
            rows[title] = (title, *cells)
            emphasis.add(title)
    for (name, *cells), labels in baselines.items():
        title = name if len(labels) == len(named) else f"{', '.join(labels)}: {name}"
        rows[title] = (title, *cells)
    return Table(("run", *header[1:]), tuple(rows.values()), notes, frozenset(emphasis))
