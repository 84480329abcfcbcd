"""Gathers finished runs into one result file and one table.

    python results/collect.py TITLE OUT RUN...

writes OUT.json (every run's record: protocol, split fingerprints, seeds, versions, hardware,
command) and OUT.md (mean and spread over seeds, and one row a run and representation). Runs that
OUT.json already has stay, unless one of the same experiment and seed is given. Nothing is typed in
by hand.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path

from jssl.core.intervals import mean_spread, plus_minus
from jssl.evaluation import run_table
from jssl.evaluation.record import Record
from jssl.runs.run import read_record


def main(title: str, out: str, *folders: str) -> None:
    """Writes OUT.json and OUT.md."""
    entries = []
    for folder in map(Path, folders):
        record = read_record(folder)
        records = run_table.load(folder / "results.json")
        steps = [
            json.loads(line)
            for line in (folder / "metrics.jsonl").read_text().splitlines()
            if '"loss"' in line
        ]
        keys = ("name", "seed", "overrides", "fingerprint", "hardware", "command", "versions")
        record["command"] = _portable(record["command"])
        records = [
            dataclasses.asdict(dataclasses.replace(one, command=_portable(one.command)))
            for one in records
        ]
        record["overrides"] = [_portable(text) for text in record["overrides"]]
        entries.append(
            {key: record[key] for key in keys}
            | {"steps": steps[-1]["step"], "minutes": _minutes(steps), "records": records}
        )
    new = {(entry["name"], entry["seed"]) for entry in entries}
    known = json.loads(Path(f"{out}.json").read_text()) if Path(f"{out}.json").exists() else []
    entries += [entry for entry in known if (entry["name"], entry["seed"]) not in new]
    entries.sort(key=lambda entry: (entry["name"], entry["seed"]))
    Path(f"{out}.json").write_text(json.dumps(entries, indent=1) + "\n")
    lines = [f"# {title}", "", *_over_seeds(entries)]
    for number, entry in enumerate(entries):
        table = run_table.run_table([Record(**one) for one in entry["records"]])
        if number == 0:
            lines += [f"| experiment | seed | {' | '.join(table.header)} |"]
            lines += ["|---|---|---|" + "---:|" * (len(table.header) - 1)]
        for row in table.rows:
            lines.append(f"| {entry['name']} | {entry['seed']} | {' | '.join(row)} |")
    lines += ["", *(f"- {note}" for note in table.notes), ""]
    lines += ["| experiment | seed | steps | minutes of training | hardware | command |"]
    lines += ["|---|---|---:|---:|---|---|"]
    for entry in entries:
        facts = (entry["name"], entry["seed"], entry["steps"], f"{entry['minutes']:.1f}")
        lines.append(
            "| " + " | ".join(map(str, facts)) + f" | {entry['hardware']} | `{entry['command']}` |"
        )
    Path(f"{out}.md").write_text("\n".join(lines) + "\n")


def _over_seeds(entries: list[dict]) -> list[str]:
    """A table of mean and standard deviation, where an experiment has more than one seed."""
    groups: dict[str, list[dict]] = {}
    for entry in entries:
        groups.setdefault(entry["name"], []).append(entry)
    lines = []
    for name, group in groups.items():
        if len(group) < 2:
            continue
        seeds = " ".join(str(entry["seed"]) for entry in group)
        for row in group[0]["records"][0]["rows"]:
            found = [[_accuracy(entry, row, which) for entry in group] for which in (0, 1)]
            cells = [plus_minus(*mean_spread(values), percent=True) for values in found]
            lines.append(f"| {name} | {seeds} | {row} | {' | '.join(cells)} |")
    if not lines:
        return []
    header = ["| experiment | seeds | features | kNN | linear |", "|---|---|---|---:|---:|"]
    return [*header, *lines, "", "Mean ± standard deviation over seeds. Each run:", ""]


def _accuracy(entry: dict, row: str, which: int) -> float:
    """Accuracy by kNN (0) or the linear probe (1)."""
    scores = entry["records"][which]["rows"][row]
    return scores[("k=20", "linear")[which]]["value"]


def _minutes(steps: list[dict[str, float]]) -> float:
    """Minutes between the first and the last record, compilation and probes included."""
    return (steps[-1]["time"] - steps[0]["time"]) / 60


def _portable(text: str) -> str:
    """A command or an override without the folders of the machine it ran on."""
    text = re.sub(r"--workdir \S+ ?", "", text.replace("__main__.py", "python -m jssl"))
    return re.sub(r"(^|[ =])/\S*/", r"\1", text).strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
