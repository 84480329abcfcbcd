"""Diagnoses from the alarm's statistics: a pure function of the recent records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jssl.health.alarm import PREFIX
from jssl.health.rules import PATIENCE, RULES, STILL, Rule

Row = Mapping[str, float]

_GRACE = 100  # steps at least; see `grace_of`
_WINDOW = 30  # records


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """A diagnosis of a run.

    Attributes:
      name: of the failure, e.g. "complete collapse".
      where: the array concerned, e.g. "projection"; "" for the run as a whole.
      step: at which it was reported.
      figures: the values that it is based on.
      cause: the usual cause.
    """

    name: str
    where: str
    step: int
    figures: dict[str, float]
    cause: str

    def __str__(self) -> str:
        """One sentence for people."""
        place = f" ({self.where})" if self.where else ""
        numbers = ", ".join(f"{name} {value:.3g}" for name, value in self.figures.items())
        return f"{self.name}{place} at step {self.step}: {numbers}; likely: {self.cause}"


def diagnose(rows: Sequence[Row], *, grace: int) -> list[Diagnosis]:
    """Diagnoses the last of some records.

    Args:
      rows: records of `metrics.jsonl` with the alarm's statistics, from the first of the run, each
        with the entries that `SoFar` adds.
      grace: steps before which soft rules are not applied; see `grace_of`.

    Returns:
      Verdicts, the most severe first; empty for a healthy run. Depends on the first record, the
      last thirty, and those half-way.
    """
    # The losses of single batches are noisy: the longer a run, the more of them have to agree.
    window = min(max(len(rows) // 8, PATIENCE), _WINDOW)
    recent = [_figures(row, rows[0]) for row in rows[-window:]]
    last = recent[-PATIENCE:]
    middle = [_figures(row, rows[0]) for row in _half_way(rows)]
    step = int(rows[-1]["step"])
    found: list[Diagnosis] = []
    hidden: set[str] = set()
    for rule in RULES:
        if rule.name in hidden or len(rows) < rule.records:
            continue
        if not rule.hard and rows[-PATIENCE]["step"] < grace:
            continue
        for name, where in _matches(rule, recent[-1]):
            keys = [key.replace("*", where) for key in rule.reads]
            if any(v.name == rule.name and v.where == name for v in found):
                continue
            agreeing = recent[-rule.records :] if rule.hard else recent
            values = [[figures.get(key, math.nan) for key in keys] for figures in agreeing]
            if not all(rule.holds(*row) for row in values):
                continue
            if not rule.hard and rule.excused and _improving(rule, keys[0], middle, last):
                continue
            shown = {
                key.removeprefix(f"{where}/") if where else key: value
                for key, value in zip(keys, values[-1], strict=True)
            }
            found.append(Diagnosis(rule.name, name, step, shown, rule.cause))
            hidden |= set(rule.hides)
    return found


def grace_of(steps: int, warmup: int) -> int:
    """Steps before which soft rules are not applied.

    Args:
      steps: of the whole run.
      warmup: of the learning rate.

    Returns:
      The warm-up plus the largest of 100 steps, a twentieth of the run, and a third of the run up
      to 300 steps; in a short run, a slow task may need that long to leave its trivial value.
    """
    return warmup + max(_GRACE, steps // 20, min(steps // 3, 300))


class SoFar:
    """Sums and maxima over all records of a run.

    Args:
      steps: of the whole run; 0 if that is not known.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.most: dict[str, float] = {}
        self.sums = {"equal": 0.0, "pairs": 0.0}
        self.awake = 0.0

    def see(self, row: Row) -> dict[str, float]:
        """Adds a record.

        Args:
          row: see `HealthMonitor.see`.

        Returns:
          "most/..." of steps and learning rate so far; "still", the share of the run in which the
          parameters have hardly moved, after having moved before; "distinct", the number of
          distinct
          examples as pairs in batches have them: with D that are equally frequent, one pair in D is
          equal (Simpson, "Measurement of Diversity", 1949); "copies", the equal pairs so far.
        """
        found = {}
        for name in ("parameters/step", "encoder/step", "learning_rate"):
            value = row.get(PREFIX + name, row.get(name))
            if value is not None:
                self.most[name] = max(self.most.get(name, 0.0), value)
                found[f"most/{name}"] = self.most[name]
        length = row.get(f"{PREFIX}parameters/step")
        if length is not None and self.steps:
            if length >= min(STILL, 1e-3 * self.most["parameters/step"]):
                self.awake = row["step"]
            found["still"] = (row["step"] - self.awake) / self.steps
        if f"{PREFIX}input/pairs" in row:
            self.sums = {k: v + row[f"{PREFIX}input/{k}"] for k, v in self.sums.items()}
            found["copies"] = self.sums["equal"]
            found["distinct"] = self.sums["pairs"] / max(self.sums["equal"], 1.0)
        return found


class HealthMonitor:
    """Follows a run record by record and reports each diagnosis once.

    Its state can be rebuilt from `metrics.jsonl`, so a resumed run behaves like an uninterrupted
    one.

    Args:
      grace: see `grace_of`.
      history: records of the run so far.
      steps: of the whole run; 0 if unknown, in which case rules on shares of the run do not apply.
    """

    def __init__(self, grace: int, history: Iterable[Row] = (), *, steps: int = 0) -> None:
        self.grace = grace
        self.so_far = SoFar(steps)
        self.rows: list[Row] = []
        self.alarms: dict[tuple[str, str], dict[str, Any]] = {}
        self.standing: list[Diagnosis] = []
        for row in history:
            self.see(row)

    def see(self, row: Row) -> list[Diagnosis]:
        """Judges one more record.

        Args:
          row: "step", "loss" and the other metrics; records without the alarm's statistics and
            those of deliberately idle steps are ignored.

        Returns:
          Diagnoses that were not reported before.
        """
        if not any(name.startswith(PREFIX) for name in row) or row.get(f"{PREFIX}idle", 0.0):
            return []
        self.rows.append({**row, **self.so_far.see(row)})
        self.standing = diagnose(self.rows, grace=self.grace)
        new = []
        for diagnosis in self.standing:
            key = (diagnosis.name, diagnosis.where)
            if key not in self.alarms:
                self.alarms[key] = {**dataclasses.asdict(diagnosis), "sentence": str(diagnosis)}
                new.append(diagnosis)
            self.alarms[key]["last_step"] = diagnosis.step
        return new

    def record(self) -> list[dict[str, Any]]:
        """All diagnoses of the run, for `alarms.json`, each with its first and last step."""
        return list(self.alarms.values())


def _figures(row: Row, first: Row) -> dict[str, float]:
    figures = {name.removeprefix(PREFIX): value for name, value in row.items()}
    figures.setdefault("lowest_loss", 0.0)
    start = {f"start/{name.removeprefix(PREFIX)}": value for name, value in first.items()}
    return figures | start


def _matches(rule: Rule, figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """The values that a rule applies to: (name, what "*" stands for)."""
    pattern = rule.reads[0]
    if "*" not in pattern:
        return [("", "")] if all(key in figures for key in rule.reads) else []
    before, after = pattern.split("*")
    names = [
        key[len(before) : len(key) - len(after)]
        for key in figures
        if key.startswith(before) and key.endswith(after) and not key.startswith("start/")
    ]
    whole = [n for n in names if all(key.replace("*", n) in figures for key in rule.reads)]
    return [(f"view {name}" if before == "view/" else name, name) for name in whole]


def _half_way(rows: Sequence[Row]) -> Sequence[Row]:
    middle = max(len(rows) // 2 - PATIENCE // 2, 0)
    return rows[middle : middle + PATIENCE]


def _improving(
    rule: Rule,
    key: str,
    before: Sequence[Mapping[str, float]],
    now: Sequence[Mapping[str, float]],
) -> bool:
    """Whether a value has improved by more than a twentieth since the middle of the run."""
    old, new = (sum(row.get(key, math.nan) for row in rows) / len(rows) for rows in (before, now))
    return new < 0.95 * old if rule.falling else new > 1.05 * old and new - old > 0.01
