"""The table of a run: the protocols that every run is evaluated with, and their records as one.

The records are those of `jssl evaluate RUN --protocol NAME`; results.json is a list of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jssl.core.table import Table
from jssl.data.source import Splits, labels, tags
from jssl.errors import MALFORMED, UserError
from jssl.evaluation.arrays import check_evaluable
from jssl.evaluation.multi_label import check_scored
from jssl.evaluation.protocols import protocol
from jssl.evaluation.reading import read_records
from jssl.evaluation.record import Evaluation, Record
from jssl.evaluation.strengths import edge_notes
from jssl.evaluation.tables import cell, is_baseline, record_table, unconverged
from jssl.runs.run import write_json

NAMES = ("knn", "linear", "few_labels_a_class")
SEVERAL = ("multi_label",)  # of data with several labels an example
_NEIGHBOURS = "k=20"  # the column of kNN that is shown


def run_protocols(names: Sequence[str] = NAMES) -> dict[str, Evaluation]:
    """The protocols of the table, by name."""
    return {name: protocol(name) for name in names}


def most_per_class() -> int:
    """Labels per class that the table needs in the training split."""
    return max(protocol("few_labels_a_class").per_class)


def check_measurable(splits: Splits) -> None:
    """Checks that the labels of all splits suffice for the table.

    Raises:
      UserError: they do not, and why.
    """
    parts = (splits.train, splits.validation, splits.test)
    if "tags" in splits.train[0]:
        check_scored(*map(tags, parts), names=splits.tags)
    else:
        check_evaluable(*map(labels, parts), per_class=most_per_class())


def save(records: Sequence[Record], path: Path) -> None:
    """Writes the records of a run's table atomically."""
    write_json(path, [dataclasses.asdict(record) for record in records])


def load(path: Path) -> list[Record]:
    """Reads the records of a run's table, also in the form that results.json once had.

    Args:
      path: results.json in a run's folder.

    Returns:
      The records, in the order of `NAMES`; or of `SEVERAL`.

    Raises:
      UserError: the file is missing or damaged, or holds other records.
    """
    records = read_records([path])
    try:
        run_table(records)
    except MALFORMED as error:
        raise UserError(f"{path} is not the table of a run: {error}") from error
    return records


def run_table(records: Sequence[Record]) -> Table:
    """A row per representation, a column per evaluator, in percent with 95 % intervals.

    Args:
      records: of the protocols `NAMES`, in any order, or of `SEVERAL`.

    Returns:
      The table.

    Raises:
      KeyError: a record is missing.
    """
    named = {record.protocol["name"]: record for record in records}
    if set(named) == set(SEVERAL):
        return record_table(named[SEVERAL[0]])
    knn, linear, few = (named[name] for name in NAMES)
    shown = next(iter(knn.rows.values()))
    neighbours = _NEIGHBOURS if _NEIGHBOURS in shown else next(iter(shown))
    counts = [str(count) for count in few.protocol["settings"]["per_class"]]
    header = ("features", f"kNN, {neighbours}", "linear", *map(_labels, counts))
    rows = []
    for name, own in knn.rows.items():
        probes = (few.rows[name][f"{count} a class"] for count in counts)
        scores = (own[neighbours], linear.rows[name]["linear"], *probes)
        rows.append((name, *map(cell, scores)))
    data, fitted = knn.data, linear.protocol["settings"]["refit"].replace("+", " and ")
    sizes = ", ".join(f"{split['size']} {part}" for part, split in data["splits"].items())
    notes = (
        f"Top-1 accuracy on test in %, {data['classes']} classes ({sizes}); always guessing the "
        f"commonest class gives {100 * data['chance']:.1f}.",
        "± is a 95 % interval: over test examples for kNN and linear, over "
        f"{few.protocol['settings']['draws']} draws of the labelled examples for the few-label "
        "columns. It does not cover training seeds.",
        f"kNN is weighted by cosine with temperature {knn.protocol['settings']['temperature']}; "
        "linear is a logistic regression on standardised features, fitted on "
        f"{fitted}. Every strength C was chosen on validation{_grid(linear)}; in the few-label "
        f"columns one C for all draws{_grid(few)}.",
        f"Protocols {', '.join(named[name].protocol['id'] for name in NAMES)}.",
        *unconverged(records),
        *(note for r in records for row in r.rows for note in _edges(r, row)),
    )
    own = frozenset(name for name in knn.rows if not is_baseline(name))
    return Table(header, tuple(rows), notes, own)


def _edges(record: Record, row: str) -> list[str]:
    return edge_notes(record.details.get(row, {}), f"{row} ({record.protocol['name']})")


def _grid(record: Record) -> str:
    """The grid that a record's strengths were chosen from, where it says so."""
    settings = record.protocol["settings"]
    if "strengths" not in settings:
        return ""
    found = settings["strengths"]
    grid = f" from {min(found):g} to {max(found):g}"
    low, high = settings.get("bounds", (min(found), max(found)))
    if low < min(found) or high > max(found):
        grid += f" (on to {low:g} and {high:g} while the best is at an end)"
    return grid


def _labels(count: str) -> str:
    return f"{count} label{'' if count == '1' else 's'} a class"
