"""The first sentence of a run's page: whether training was worth it, by how much, and if not, why.

It is read off the run's records: the linear probe's accuracy of the trained encoder, less that of
the untrained encoder and of the raw input, with the 95 % interval of the difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jssl.core.intervals import plus_minus
from jssl.evaluation.record import UNTRAINED, Record
from jssl.evaluation.tables import is_baseline

GOOD, BAD, OPEN = "good", "bad", "open"  # the CSS classes of templates/style.css
# The protocol that decides -> its column and what that is called.
_DECIDING = {"linear": ("linear", "correct"), "multi_label": ("mean AP", "mean AP")}
_FEW = "few_labels_a_class"
_FEW_STEPS = 200
_LOST = 0.5  # share of the untrained encoder's effective rank
_WIDE = 0.05  # half-width of an interval from which on the test split is called small


@dataclass(frozen=True)
class Verdict:
    """What a run came to.

    Attributes:
      sentence: one sentence.
      kind: `GOOD` if the trained encoder beats all baselines, `BAD` if it does not, else `OPEN`.
      reasons: likely causes where it does not.
      note: what the interval covers, or "".
    """

    sentence: str
    kind: str
    reasons: tuple[str, ...] = ()
    note: str = ""


class Gain(NamedTuple):
    """The difference between two scores, and the half-width of its 95 % interval."""

    value: float
    half: float

    @property
    def sure(self) -> bool:
        """Whether the interval excludes zero."""
        return abs(self.value) > self.half

    def __str__(self) -> str:
        """In points of percent."""
        return f"{plus_minus(self.value, self.half, percent=True, sign='+')} points"

    @property
    def size(self) -> str:
        """The same without a sign."""
        return f"{plus_minus(abs(self.value), self.half, percent=True)} points"


class Course(NamedTuple):
    """How a training went.

    Attributes:
      step: updates done.
      steps: updates planned.
      losses: recorded losses in order.
      alarms: entries of `alarms.json`.
    """

    step: int
    steps: int
    losses: Sequence[float] = ()
    alarms: Sequence[Mapping[str, Any]] = ()


def gain_of(own: Mapping[str, Any], other: Mapping[str, Any]) -> Gain:
    """The difference of two scores of a record.

    The two are taken as independent. Scores on the same test examples vary together, so that the
    true interval is narrower.

    Args:
      own: a score, with "value" and "interval".
      other: the one that is subtracted.
    """
    halves = (own.get("interval") or 0.0, other.get("interval") or 0.0)
    return Gain(own["value"] - other["value"], math.hypot(*halves))


def judge(
    records: Sequence[Record] | None, free: Record | None, course: Course, *, why: str = ""
) -> Verdict:
    """The verdict on a run.

    Args:
      records: those of the run's table (`jssl.evaluation.run_table`), or None.
      free: the record of label-free measures, or None.
      course: how the training went.
      why: a clause on why there is no record, or "".

    Returns:
      The verdict.
    """
    named = {record.protocol["name"]: record for record in records or ()}
    for name, (column, what) in _DECIDING.items():
        scores = _scores(named.get(name), column)
        if _own(scores) and len(scores) > 1:
            return _by_labels(named[name], scores, what, named.get(_FEW), course)
    if free is not None:
        return _without_labels(free, course)
    sentence = "The features of this run have not been evaluated"
    sentence += f", because {why}." if why else "."
    return Verdict(sentence, BAD if course.alarms else OPEN, tuple(_causes(course)))


def _scores(record: Record | None, column: str) -> dict[str, Mapping[str, Any]]:
    """The scores in one column of a record by row; of no record, none."""
    rows = {} if record is None else record.rows
    return {row: columns[column] for row, columns in rows.items() if column in columns}


def _own(rows: Iterable[str]) -> str:
    """The row that is no baseline, or ""."""
    return next((row for row in rows if not is_baseline(row)), "")


def _by_labels(
    record: Record,
    scores: Mapping[str, Mapping[str, Any]],
    what: str,
    few: Record | None,
    course: Course,
) -> Verdict:
    own = _own(scores)
    gains = _gains(scores, own)
    reached = plus_minus(scores[own]["value"], scores[own]["interval"], percent=True)
    sentence = f"The {own} encoder {_clauses(gains)} (linear probe on test: {reached} % {what})"
    beaten = _all_beaten(gains)
    worse = any(gain.sure and gain.value < 0 for gain in gains.values())
    if few is not None and few.rows.get(own) and not (beaten or worse):
        column = list(few.rows[own])[-1]  # the one with the most labels
        fewer = _gains(_scores(few, column), own)
        if _all_beaten(fewer):
            sentence += f"; with {_labels(column)} it {_clauses(fewer)}"
            beaten = True
    reasons = () if beaten else (*_causes(course), *_of_labels(record, scores, own, gains))
    if not (beaten or reasons):
        reasons = (
            "No alarm was raised: usual causes are augmentations that remove what the labels ask "
            "for, and too few epochs.",
        )
    return Verdict(
        f"{sentence}.",
        GOOD if beaten else BAD,
        reasons,
        "± is a 95 % interval of each difference, with both scores taken as independent; it "
        f"covers training seed {record.seeds['training']} only.",
    )


def _gains(scores: Mapping[str, Mapping[str, Any]], own: str) -> dict[str, Gain]:
    return {row: gain_of(scores[own], scores[row]) for row in scores if is_baseline(row)}


def _all_beaten(gains: Mapping[str, Gain]) -> bool:
    return bool(gains) and all(gain.sure and gain.value > 0 for gain in gains.values())


def _labels(column: str) -> str:
    count = column.partition(" ")[0]
    return f"{count} label{'' if count == '1' else 's'} a class"


def _clauses(gains: Mapping[str, Gain]) -> str:
    named = {_called(row): gain for row, gain in gains.items()}
    better = [f"{n} by {g.size}" for n, g in named.items() if g.sure and g.value > 0]
    level = [f"{n} ({g})" for n, g in named.items() if not g.sure]
    worse = [f"{n} by {g.size}" for n, g in named.items() if g.sure and g.value < 0]
    parts = [
        f"{verb} {word.join(rows)}"
        for verb, word, rows in (
            ("beats", " and ", better),
            ("cannot be told from", " or ", level),
            ("is worse than", " and ", worse),
        )
        if rows
    ]
    return ", but ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0]


def _called(row: str) -> str:
    return "the untrained one" if row == UNTRAINED else f"the {row}"


def _causes(course: Course) -> list[str]:
    """Likely causes of poor features that the training shows."""
    found = [
        f"{str(alarm['name']).capitalize()}: {alarm['cause']}."
        for alarm in course.alarms
        if "name" in alarm and "cause" in alarm
    ]
    if course.step < course.steps:
        found.append(f"Training stands at step {course.step:,} of {course.steps:,}.")
    elif course.steps < _FEW_STEPS:
        found.append(f"The run has {course.steps:,} steps only: train longer.")
    losses = np.asarray([loss for loss in course.losses if math.isfinite(loss)])
    if len(losses) >= 10:
        tenth = len(losses) // 10
        first, before, last = (
            float(part.mean())
            for part in (losses[:tenth], losses[-2 * tenth : -tenth], losses[-tenth:])
        )
        if last > first - 0.02 * abs(first):
            found.append(f"The loss has hardly fallen: from {first:.4g} to {last:.4g}.")
        elif last < before - 0.02 * abs(before):
            found.append("The loss was still falling at the end: train longer.")
    return found


def _of_labels(
    record: Record,
    scores: Mapping[str, Mapping[str, Any]],
    own: str,
    gains: Mapping[str, Gain],
) -> list[str]:
    """Likely causes that the evaluation shows."""
    found = []
    widest = max((gain.half for gain in gains.values() if not gain.sure), default=0.0)
    if widest > _WIDE:
        size = record.data["splits"]["test"]["size"]
        found.append(
            f"The test split has {size:,} examples, which show no difference under "
            f"{100 * widest:.1f} points."
        )
    highest = max(score["value"] for score in scores.values() if score is not scores[own])
    if highest > 0.95 and widest:  # a level score says little there
        found.append(
            f"A baseline reaches {100 * highest:.1f} %: these labels need little learning."
        )
    if scores[own]["value"] - (scores[own]["interval"] or 0.0) <= record.data.get("chance", 0.0):
        found.append("The features do no better than guessing the commonest class.")
    if not all(score.get("converged", True) for score in scores.values()):
        found.append("A probe's solver stopped at its limit of iterations.")
    return found


def _without_labels(record: Record, course: Course) -> Verdict:
    own = record.rows.get(_own(record.rows), {})
    untrained = record.rows.get(UNTRAINED, {})
    parts = [
        f"{words} {own[column]['value']:.3g} (untrained: {untrained[column]['value']:.3g})"
        for column, words in (
            ("RankMe", "an effective rank of"),
            ("cluster learnability", "a cluster learnability of"),
        )
        if column in own and column in untrained
    ]
    has = f"have {' and '.join(parts)}" if parts else "were measured"
    return Verdict(
        f"Without labels, nothing says whether the features are useful; they {has}.",
        BAD if course.alarms else OPEN,
        (*_causes(course), *_of_rank(own, untrained)),
    )


def _of_rank(
    own: Mapping[str, Mapping[str, Any]], untrained: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    if "RankMe" not in own or "RankMe" not in untrained:
        return []
    before, after = untrained["RankMe"]["value"], own["RankMe"]["value"]
    if after > _LOST * before:
        return []
    return [f"Training lowered the effective rank from {before:.3g} to {after:.3g}: a collapse?"]
