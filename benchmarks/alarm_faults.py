"""The collapse alarm on broken and on healthy runs: writes docs/alarms.md and results/alarms.json.

Command: python benchmarks/alarm_faults.py [--missing] [--healthy] [METHOD ...] (about ten minutes
of one core); with `--missing`, cases that results/alarms.json already has are left as they are,
but for the healthy ones with `--healthy` beside it. The reference runs of all methods are those of
benchmarks/learning_shapes.py.
"""

from __future__ import annotations

import fcntl
import json
import sys
import tempfile
from pathlib import Path

import learning_shapes

from jssl.studies import suite
from jssl.testing.faults import cases, watch
from jssl.testing.quick import quick_compilation

ROOT = Path(__file__).resolve().parent.parent
JSON = ROOT / "results/alarms.json"
LEARNT = 0.03  # gain in accuracy from which a reference run counts as healthy


def main() -> None:
    """Runs the cases that were asked for and writes the table."""
    only = [word for word in sys.argv[1:] if not word.startswith("--")]
    for case in cases():
        name = _name(type(case.experiment.method))
        known = (name, case.name) in {_key(row) for row in _rows()}
        again = "--missing" not in sys.argv or ("--healthy" in sys.argv and not case.diagnosis)
        if (only and name not in only) or (known and not again):
            continue
        with quick_compilation():
            steps = 300 if not case.diagnosis else case.within + 10
            outcome = watch(case.experiment, steps=steps)
        due = [v for v in outcome.diagnoses if v.name == case.diagnosis]
        row = {
            "method": name,
            "fault": case.name,
            "due": case.diagnosis,
            "within": case.within,
            "step": due[0].step if due else None,
            "said": [str(v) for v in outcome.diagnoses],
            "steps": outcome.steps,
            "ok": bool(due) if case.diagnosis else not outcome.diagnoses,
        }
        print(row, flush=True)
        _save(row)
    (ROOT / "docs/alarms.md").write_text(_page(_rows()))  # reference runs may be new


def _rows() -> list[dict]:
    return json.loads(JSON.read_text()) if JSON.exists() else []


def _save(new: dict) -> None:
    """Puts a row among the others, in the order of the cases; another process may do the same."""
    order = {(_name(type(c.experiment.method)), c.name): i for i, c in enumerate(cases())}
    with (Path(tempfile.gettempdir()) / "alarm_faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = [row for row in _rows() if _key(row) != _key(new) and _key(row) in order]
        rows = sorted([*rows, new], key=lambda row: order[_key(row)])
        JSON.write_text(json.dumps(rows, indent=1) + "\n")
        (ROOT / "docs/alarms.md").write_text(_page(rows))


def _key(row: dict) -> tuple[str, str]:
    return row["method"], row["fault"]


def _name(method: type) -> str:
    return next((kind.__name__ for kind in method.__mro__ if _own(kind)), method.__name__)


def _own(kind: type) -> bool:
    return bool(getattr(kind, "paper", "")) and "paper" in vars(kind) and kind.__name__[0] != "_"


def _reference_runs() -> list[dict]:
    found = suite.records(learning_shapes.STUDY, learning_shapes.FOLDER)
    return [row for rows in found.values() for row in rows if "alarms" in row]


def _gain(row: dict) -> float:
    return suite.accuracy(row, "trained", "linear") - suite.accuracy(row, "untrained", "linear")


def _page(found: list[dict]) -> str:
    faults = [row for row in found if row["due"]]
    healthy = [row for row in found if not row["due"]]
    lines = [
        "# The collapse alarm",
        "",
        "Written by `python benchmarks/alarm_faults.py`. Each run trains a small network on "
        "scikit-learn's digits; the alarm measures every 10 steps. A fault counts as detected if "
        "the expected diagnosis is reported within the given number of steps.",
        "",
        "## Injected faults",
        "",
        "| method | fault | expected diagnosis | within steps | reported at step | log message |",
        "|---|---|---|---|---|---|",
    ]
    for row in faults:
        step = row["step"] if row["ok"] else f"missed ({row['step']})"
        said = next((s for s in row["said"] if s.startswith(row["due"])), "-")
        lines.append(
            f"| {row['method']} | {row['fault']} | {row['due']} | {row['within']} | {step} | "
            f"{said.split('; likely')[0]} |"
        )
    lines += ["", "## Healthy runs", "", "| method | run | steps | alarms |", "|---|---|---|---|"]
    for row in healthy:
        run = row["fault"].removeprefix("healthy").lstrip(", ") or "unmodified"
        said = ", ".join(row["said"]) or "none"
        lines.append(f"| {row['method']} | {run} | {row['steps']} | {said} |")
    lines += [
        "",
        "The unmodified runs and most injected faults were recorded before the rules for unmoving "
        "parameters and for few distinct examples were added; the faults that test these two rules "
        "were recorded afterwards.",
    ]
    runs = _reference_runs()
    if runs:
        lines += [
            "",
            "Reference runs with the present settings, from the records in "
            "`results/learning_shapes/` (written by `python benchmarks/learning_shapes.py run`, "
            "with the alarm in every step). They too were recorded before these two rules were "
            "added:",
            "",
            "| method | seed | steps | gain in points | alarms |",
            "|---|---|---|---|---|",
        ]
        for row in runs:
            said = "; ".join(s.split("; likely")[0] for s in row["alarms"]) or "none"
            gain = f"{100 * _gain(row):+.1f}"
            lines.append(f"| {row['method']} | {row['seed']} | {row['steps']} | {gain} | {said} |")
        lines += [
            "",
            "The gain is the accuracy of the linear probe minus that of the untrained encoder. "
            f"Runs that gained at least {100 * LEARNT:.0f} points count as healthy; an alarm in "
            "another run does not count as a false alarm.",
        ]
        healthy = healthy + [{"ok": not r["alarms"]} for r in runs if _gain(r) >= LEARNT]
    named = sum(row["ok"] for row in faults)
    lines += [
        "",
        f"{named} of {len(faults)} faults were diagnosed in time; there were "
        f"{sum(not row['ok'] for row in healthy)} false alarms in {len(healthy)} healthy runs.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
