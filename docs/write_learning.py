"""Writes docs/learning.md: whether each image method learns, from the records of the judge.

python -m benchmarks.learning all --ground shapes --seed 0 1 2
python docs/write_learning.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.learning.readouts import LABELS, RATES, TITLES, margins  # noqa: E402
from jssl.core.intervals import mean_interval, plus_minus  # noqa: E402

RECORDS = ROOT / "results" / "learning"
PAGE = ROOT / "docs" / "learning.md"
Record = dict[str, Any]

GROUNDS = {
    "shapes": "Procedural shapes, without textures, standardised",
    "cifar": "A part of CIFAR-10",
}
HEAD = f"""# Does each method learn?

Written by `python docs/write_learning.py` from the records in `results/learning/`; do not edit by
hand. One record: `python -m benchmarks.learning METHOD --ground shapes --seed 0 --budget 1`.

Test accuracy in %, and below it that of the untrained encoder with the same read-out; in the column
of fine-tuning that of the same training from scratch ({LABELS} labels, drawn by the seed; base rate
{RATES[0]:g} or {RATES[1]:g}, each row's best on validation). In brackets the gain in points. With
several seeds, ± is the 95 % interval of the mean over seeds (Student's t). Strengths, rates and
everything else is selected on validation. Dense: linear segmentation of figure and ground from
tokens.

A method *learns* if its mean gain reaches the margin in at least one of the read-outs that its
field uses (in **bold**); the margins were fixed before the runs
(`benchmarks/learning/margins.json`). It *hurts* if it is below its untrained encoder in all of
them. With one seed the verdict is preliminary. The budget multiplies the epochs: a gain that grows
with it belongs to a starved method.
"""


def load(folder: Path = RECORDS) -> list[Record]:
    """All records, sorted by file name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def text(records: Sequence[Record]) -> str:
    """The page."""
    lines = [HEAD]
    for ground, title in GROUNDS.items():
        own = [record for record in records if record["ground"] == ground]
        if own:
            lines += [f"## {title}", "", *table(own), ""]
    if records:
        lines += ["## Cost", "", *costs(records), ""]
    return "\n".join(lines)


def table(records: Sequence[Record]) -> list[str]:
    """The table of a ground: two rows a method and budget."""
    shown = [name for name in TITLES if any(name in record["scores"] for record in records)]
    header = ["method", "budget", "steps", "seeds", *(TITLES[name] for name in shown), "verdict"]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for (method, budget), own in _grouped(records).items():
        first = own[0]
        seeds = " ".join(str(record["seed"]) for record in own)
        cells = [method, str(budget), str(first["steps"]), seeds]
        cells += [_trained(own, name) for name in shown]
        lines.append(f"| {' | '.join([*cells, verdict(own)])} |")
        cells = [f"untrained {first['encoder']}", "", "", ""]
        cells += [_percent(own, name, "untrained") for name in shown]
        lines.append(f"| {' | '.join([*cells, ''])} |")
    return lines


def verdict(records: Sequence[Record]) -> str:
    """Whether a method learns, by the read-outs that its field uses."""
    found = {
        name: gain(records, name)[0]
        for name in records[0]["judged_by"]
        if name in records[0]["scores"]
    }
    wanted = margins()
    passed = [name for name, points in found.items() if points >= wanted[name]]
    said = "learns" if passed else "hurts" if max(found.values()) < 0 else "**no**"
    alarms = sum(bool(record["alarms"]) for record in records)
    return said + (f"; alarm in {alarms} of {len(records)}" if alarms else "")


def gain(records: Sequence[Record], name: str) -> tuple[float, float]:
    """Mean gain of a read-out in points, and the half-width of its 95 % interval over seeds."""
    rows = [record["scores"][name] for record in records]
    return mean_interval(
        [100 * (row["trained"]["test"] - row["untrained"]["test"]) for row in rows]
    )


def _trained(records: Sequence[Record], name: str) -> str:
    if name not in records[0]["scores"]:
        return ""
    points = plus_minus(*gain(records, name), digits=".1f", sign="+")
    cell = f"{_percent(records, name, 'trained')} ({points})"
    return f"**{cell}**" if name in records[0]["judged_by"] else cell


def _percent(records: Sequence[Record], name: str, row: str) -> str:
    if name not in records[0]["scores"]:
        return ""
    values = [record["scores"][name][row]["test"] for record in records]
    return f"{100 * sum(values) / len(values):.1f}"


def costs(records: Sequence[Record]) -> list[str]:
    """Core-seconds by part, as means over the records of a ground."""
    parts = list(dict.fromkeys(part for record in records for part in record["core_seconds"]))
    lines = [
        f"| ground | runs | {' | '.join(parts)} | all |",
        f"|---|---:|{'---:|' * len(parts)}---:|",
    ]
    for ground in dict.fromkeys(record["ground"] for record in records):
        own = [record for record in records if record["ground"] == ground and record["budget"] == 1]
        if not own:
            continue
        found = [
            sum(record["core_seconds"].get(part, 0.0) for record in own) / len(own)
            for part in parts
        ]
        cells = [f"{seconds:.0f}" for seconds in (*found, sum(found))]
        lines.append(f"| {ground} | {len(own)} | {' | '.join(cells)} |")
    hardware = "; ".join(sorted({record["hardware"] for record in records}))
    return [*lines, "", f"Core-seconds of a run at budget 1, compilation included. {hardware}."]


def _grouped(records: Sequence[Record]) -> dict[tuple[str, int], list[Record]]:
    found: dict[tuple[str, int], list[Record]] = {}
    for record in sorted(records, key=lambda r: (r["method"], r["budget"], r["seed"])):
        found.setdefault((record["method"], record["budget"]), []).append(record)
    return found


if __name__ == "__main__":
    PAGE.write_text(text(load()))
