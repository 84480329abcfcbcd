"""Writes docs/support.md from the records that `tools/matrix.py` wrote.

python docs/write_support.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "results" / "support"
PAGE = ROOT / "docs" / "support.md"
SHOWN = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")


def row(record: dict[str, Any]) -> str:
    """One environment, as a row of the table."""
    versions, outcome = record["versions"], record["outcome"]
    words = [f"{outcome.get('passed', 0)} passed"]
    words += [
        f"{outcome[word]} {word}" for word in ("failed", "error", "skipped") if word in outcome
    ]
    ran = record["commands"]
    commands = f"{sum(code == 0 for code in ran.values())} of {len(ran)}"
    cells = [versions["python"], *(versions[name] for name in SHOWN)]
    return f"| {' | '.join([*cells, ', '.join(words), commands, record['date']])} |"


def page() -> str:
    """docs/support.md."""
    records = [json.loads(path.read_text()) for path in sorted(RECORDS.glob("*.json"))]
    records.sort(key=lambda record: [int(part) for part in record["versions"]["python"].split(".")])
    head = ["Python", *SHOWN, "tests", "commands", "run on"]
    lines = [
        "# Supported versions",
        "",
        "Written by `docs/write_support.py` from the records in `results/support`. "
        "`python tools/matrix.py FOLDER` makes each environment anew and runs in it the tests and "
        "commands that are listed below, with warnings as errors. Only what was run is claimed; "
        "the ranges in `setup.cfg` allow the versions in between.",
        "",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
        *map(row, records),
        "",
    ]
    failed = [(r["versions"]["python"], test) for r in records for test in r["failed"]]
    if failed:
        lines += [
            "Tests that failed in these runs; one that was mended since stands here until the next:"
        ]
        lines += ["", *(f"- Python {v}: `{test}`" for v, test in failed), ""]
    if records:
        tests = ", ".join(f"`{name}`" for name in records[0]["tests"])
        commands = ", ".join(f"`jssl {name}`" for name in records[0]["commands"])
        lines += [f"Tests: {tests}. Commands: {commands}.", ""]
    lines += [
        "`requirements.txt` pins the environment (Python 3.11, JAX 0.10) in which the whole suite "
        "is run for each change by `make test`, and `requirements-newest.txt` the one with the "
        "newest versions. flax 0.12.9 and later need Python 3.12 and JAX 0.11. All was run on "
        "CPUs under Linux. Programs for TPUs were compiled ([plan.md](plan.md)), but not run.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
