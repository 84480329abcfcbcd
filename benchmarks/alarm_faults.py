"""What the alarm says of broken and healthy runs: writes docs/alarms.md and results/alarms.json.

Command: python benchmarks/alarm_faults.py (two to four minutes on 2 cores).
"""

from __future__ import annotations

import json
from pathlib import Path

from jssl.testing.faults import cases, watch

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Runs every case and writes the table."""
    found = []
    for case in cases():
        outcome = watch(case.experiment, steps=300 if not case.verdict else case.within + 10)
        due = [v for v in outcome.verdicts if v.name == case.verdict]
        method = type(case.experiment.method)
        name = next((kind.__name__ for kind in method.__mro__ if _own(kind)), method.__name__)
        found.append(
            {
                "method": name,
                "fault": case.name,
                "due": case.verdict,
                "within": case.within,
                "step": due[0].step if due else None,
                "said": [str(v) for v in outcome.verdicts],
                "steps": outcome.steps,
                "ok": bool(due) if case.verdict else not outcome.verdicts,
            }
        )
        print(found[-1], flush=True)
    (ROOT / "results").mkdir(exist_ok=True)
    (ROOT / "results/alarms.json").write_text(json.dumps(found, indent=1) + "\n")
    (ROOT / "docs/alarms.md").write_text(_page(found))


def _own(kind: type) -> bool:
    return bool(getattr(kind, "paper", "")) and "paper" in vars(kind) and kind.__name__[0] != "_"


def _page(found: list[dict]) -> str:
    faults = [row for row in found if row["due"]]
    healthy = [row for row in found if not row["due"]]
    lines = [
        "# The collapse alarm",
        "",
        "Written by `python benchmarks/alarm_faults.py`. Each run is scikit-learn's digits with a "
        "small network; the alarm looks every 10 steps.",
        "",
        "## Faults put in on purpose",
        "",
        "| method | fault | verdict | due within | said at step | first sentence of the log |",
        "|---|---|---|---|---|---|",
    ]
    for row in faults:
        step = row["step"] if row["ok"] else f"missed ({row['step']})"
        said = next((s for s in row["said"] if s.startswith(row["due"])), "-")
        lines.append(
            f"| {row['method']} | {row['fault']} | {row['due']} | {row['within']} | {step} | "
            f"{said.split('; likely')[0]} |"
        )
    lines += ["", "## Healthy runs", "", "| method | steps | alarms |", "|---|---|---|"]
    for row in healthy:
        lines.append(f"| {row['method']} | {row['steps']} | {', '.join(row['said']) or 'none'} |")
    named = sum(row["ok"] for row in faults)
    lines += [
        "",
        f"{named} of {len(faults)} faults named in time; "
        f"{sum(not row['ok'] for row in healthy)} false alarms in {len(healthy)} healthy runs.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
