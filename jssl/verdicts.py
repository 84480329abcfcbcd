"""What the alarm's figures mean: a pure function of the recent records, and its memory on disk.

Two kinds of rule. A hard one (all embeddings equal to the last digit, identical views, a constant
input) can never be right and holds from the start. A soft one (a loss at its trivial value, an
effective rank near one) is what healthy runs look like early on: it waits until the warm-up of the
learning rate and a grace period are over, and holds its fire while the figure is improving.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jssl.alarm import PREFIX

Row = Mapping[str, float]

PATIENCE = 3  # records in a row that must agree
_GRACE = 100  # steps, and a twentieth of the run if that is more
_HARD, _SOFT = True, False


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is wrong with a run.

    Attributes:
      name: of the failure, e.g. "complete collapse".
      where: what shows it, e.g. "projection"; "" for the run as a whole.
      step: at which it was said.
      figures: the numbers it rests on.
      cause: what usually lies behind it.
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


@dataclasses.dataclass(frozen=True)
class _Rule:
    """One failure: the figures it reads, when it holds, and when that is final.

    `holds` gets the values of `reads`; `falling` says which way the first of them improves, and
    `excused` whether an improvement keeps a soft rule silent; `records` in a row must agree.
    """

    name: str
    reads: tuple[str, ...]
    holds: Callable[..., bool]
    hard: bool
    cause: str
    falling: bool = False
    excused: bool = True
    records: int = PATIENCE
    hides: tuple[str, ...] = ()


_COLLAPSED = ("dimensional collapse", "views indistinct")

# In order of severity. "*" stands for whatever the method calls the thing it monitors.
_RULES = (
    _Rule(
        "constant input",
        ("input/spread",),
        lambda spread: spread == 0,
        _HARD,
        "every example of the data is the same; check how it was read",
        hides=("constant view", "complete collapse", *_COLLAPSED),
    ),
    _Rule(
        "constant view",
        ("view/*/spread",),
        lambda spread: spread == 0,
        _HARD,
        "this view is the same for every example; check its augmentation",
        hides=("complete collapse", *_COLLAPSED),
    ),
    _Rule(
        "identical views",
        ("input/difference",),
        lambda difference: difference == 0,
        _HARD,
        "no augmentation, or one key for both views: the task is solved by the identity",
    ),
    _Rule(
        "divergence",
        ("parameter_norm", "start/parameter_norm"),
        lambda norm, first: norm > 1e5 * first > 0,
        _HARD,
        "learning rate far too high, or no warm-up",
        records=1,
    ),
    _Rule(
        "divergence",
        ("parameter_norm", "start/parameter_norm"),
        lambda norm, first: norm > 100 * first > 0,
        _HARD,
        "learning rate far too high, or no warm-up",
    ),
    _Rule(
        "decayed weights",
        ("parameters/matrices", "start/parameters/matrices"),
        lambda norm, first: norm < 0.02 * first,
        _HARD,
        "weight decay far too strong for this learning rate",
    ),
    _Rule(
        "complete collapse",
        ("*/spread", "*/cosine"),
        lambda spread, cosine: spread < 1e-4,
        _HARD,
        "no stop-gradient, no predictor, a dead head, or a learning rate too high",
        hides=_COLLAPSED,
    ),
    _Rule(
        "complete collapse",
        ("*/spread", "*/cosine"),
        lambda spread, cosine: spread < 0.1,
        _SOFT,
        "no stop-gradient, no predictor, a dead head, or a learning rate too high",
        hides=_COLLAPSED,
    ),
    _Rule(
        "complete collapse",
        ("*/feature_spread", "*/cosine"),
        lambda spread, cosine: spread < 1e-4,
        _HARD,
        "a dead layer, or a learning rate too high",
        hides=_COLLAPSED,
    ),
    _Rule(
        "complete collapse",
        ("*/feature_spread", "start/*/feature_spread"),
        lambda spread, first: spread < 0.05 * first,
        _SOFT,
        "a learning rate too high, or a task that needs no features",
        hides=_COLLAPSED,
    ),
    _Rule(
        "dimensional collapse",
        ("*/rank", "*/full_rank"),
        lambda rank, full: full >= 8 and rank < max(1.5, 0.025 * full),
        _SOFT,
        "too weak a force against correlated dimensions, or too strong an augmentation",
    ),
    _Rule(
        "views indistinct",
        ("*/margin", "*/alignment"),
        lambda margin, alignment: margin < 0.01,
        _SOFT,
        "the encoder cannot tell examples apart: augmentation too strong, a broken loss or "
        "learning rate",
    ),
    _Rule(
        "teacher equals student",
        ("*/distance",),
        lambda distance: distance == 0,
        _HARD,
        "teacher momentum 0, or one set of parameters used for both",
    ),
    _Rule(
        "uniform teacher",
        ("*/entropy", "*/usage"),
        lambda entropy, usage: entropy > 0.99,
        _SOFT,
        "teacher temperature too high, or centring without sharpening",
        falling=True,
    ),
    _Rule(
        "one prototype takes all",
        ("*/largest", "*/usage"),
        lambda largest, usage: largest > 0.9,
        _SOFT,
        "no centring or balancing of the assignments",
        falling=True,
    ),
    _Rule(
        "nothing is masked",
        ("*/hidden",),
        lambda hidden: hidden < 0.05,
        _HARD,
        "mask ratio near 0: there is nothing to predict",
    ),
    _Rule(
        "no better than the mean patch",
        ("*/unexplained", "*/hidden"),
        lambda unexplained, hidden: unexplained > 0.97 and hidden >= 0.05,
        _SOFT,
        "a dead decoder, a learning rate too high or too low, or targets that cannot be predicted",
        falling=True,
    ),
    _Rule(
        "loss stuck at its trivial value",
        ("loss", "trivial_loss"),
        lambda loss, trivial: 0.98 < loss / trivial <= 1.1,
        _SOFT,
        "temperature too high, no gradient, or embeddings that say nothing of the example",
        falling=True,
    ),
    _Rule(
        "loss above its trivial value",
        ("loss", "trivial_loss"),
        lambda loss, trivial: loss > 1.1 * trivial,
        _SOFT,
        "temperature too low, or learning rate too high: worse than telling nothing apart",
        falling=True,
    ),
    _Rule(
        "loss above its trivial value",
        ("loss", "trivial_loss"),
        lambda loss, trivial: loss > 3 * trivial,
        _SOFT,
        "temperature too low, or learning rate too high: worse than telling nothing apart",
        excused=False,
    ),
    _Rule(
        "no gradient",
        ("gradient_norm",),
        lambda norm: norm < 1e-12,
        _HARD,
        "the loss does not depend on the parameters: a stop-gradient too many, or a dead layer",
    ),
)


def judge(rows: Sequence[Row], *, grace: int) -> list[Verdict]:
    """What is wrong at the last of some records.

    Args:
      rows: records of `metrics.jsonl` that carry the alarm's figures, from the first of the run.
      grace: steps before which no soft rule speaks; see `grace_of`.

    Returns:
      Verdicts, the most severe first; empty for a healthy run. Depends on the first record, the
      last three, and those half-way.
    """
    recent = [_figures(row, rows[0]) for row in rows[-PATIENCE:]]
    middle = [_figures(row, rows[0]) for row in _half_way(rows)]
    step = int(rows[-1]["step"])
    found: list[Verdict] = []
    hidden: set[str] = set()
    for rule in _RULES:
        if rule.name in hidden or len(rows) < rule.records:
            continue
        if not rule.hard and rows[-PATIENCE]["step"] < grace:
            continue
        for name, where in _matches(rule, recent[-1]):
            keys = [key.replace("*", where) for key in rule.reads]
            if any(v.name == rule.name and v.where == name for v in found):
                continue
            values = [
                [figures.get(key, math.nan) for key in keys] for figures in recent[-rule.records :]
            ]
            if not all(rule.holds(*row) for row in values):
                continue
            if not rule.hard and rule.excused and _improving(rule, keys[0], middle, recent):
                continue
            shown = {
                key.removeprefix(f"{where}/") if where else key: value
                for key, value in zip(keys, values[-1], strict=True)
            }
            found.append(Verdict(rule.name, name, step, shown, rule.cause))
            hidden |= set(rule.hides)
    return found


def grace_of(steps: int, warmup: int) -> int:
    """Steps before which soft rules keep silent.

    Args:
      steps: of the whole run.
      warmup: of the learning rate.

    Returns:
      The warm-up, and 100 steps or a twentieth of the run, whichever is more.
    """
    return warmup + max(_GRACE, steps // 20)


class Watch:
    """Follows a run record by record and remembers what it has said.

    It keeps nothing that is not in `metrics.jsonl`, so a resumed run goes on as if never stopped.

    Args:
      grace: see `grace_of`.
      history: records of the run so far.
    """

    def __init__(self, grace: int, history: Iterable[Row] = ()) -> None:
        self.grace = grace
        self.rows: list[Row] = []
        self.alarms: dict[tuple[str, str], dict[str, Any]] = {}
        self.standing: list[Verdict] = []
        for row in history:
            self.see(row)

    def see(self, row: Row) -> list[Verdict]:
        """Judges one more record.

        Args:
          row: "step", "loss" and the other metrics; one without the alarm's figures is passed over.

        Returns:
          Verdicts that were not said before.
        """
        if not any(name.startswith(PREFIX) for name in row):
            return []
        self.rows.append(row)
        self.standing = judge(self.rows, grace=self.grace)
        new = []
        for verdict in self.standing:
            key = (verdict.name, verdict.where)
            if key not in self.alarms:
                self.alarms[key] = {**dataclasses.asdict(verdict), "sentence": str(verdict)}
                new.append(verdict)
            self.alarms[key]["last_step"] = verdict.step
        return new

    def record(self) -> list[dict[str, Any]]:
        """All alarms of the run, for `alarms.json`: the first step and the last of each."""
        return list(self.alarms.values())


def _figures(row: Row, first: Row) -> dict[str, float]:
    figures = {name.removeprefix(PREFIX): value for name, value in row.items()}
    start = {f"start/{name.removeprefix(PREFIX)}": value for name, value in first.items()}
    return figures | start


def _matches(rule: _Rule, figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """What a rule applies to: (how it is called, what "*" stands for)."""
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
    rule: _Rule,
    key: str,
    before: Sequence[Mapping[str, float]],
    now: Sequence[Mapping[str, float]],
) -> bool:
    """Whether a figure has moved by more than a twentieth the right way since half-way."""
    old, new = (sum(row.get(key, math.nan) for row in rows) / len(rows) for rows in (before, now))
    return new < 0.95 * old if rule.falling else new > 1.05 * old and new - old > 0.01
