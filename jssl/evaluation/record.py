"""The record of one protocol: every number with what is needed to read and to repeat it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from jssl.errors import UserError
from jssl.evaluation.linear import check_selection
from jssl.evaluation.subject import Subject
from jssl.ranges import Ranged, Seed
from jssl.run import write_json

KIND = "jssl evaluation"


@dataclass(frozen=True)
class Score:
    """One number.

    Attributes:
      value: the number.
      interval: half-width of its 95 % interval, or None.
      percent: whether it is a share in [0, 1] that tables show in percent.
    """

    value: float
    interval: float | None = None
    percent: bool = True


@dataclass(frozen=True)
class Measured:
    """What a protocol found for one representation.

    Attributes:
      scores: the numbers of the table, by column.
      details: whatever else belongs on record; plain JSON types.
    """

    scores: dict[str, Score]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation(Ranged):
    """One way of telling what features are worth: a frozen dataclass of settings.

    A protocol is an instance of a subclass in `jssl/evaluation/protocols/`, found by the name that
    its module's `PROTOCOLS` gives it.

    Attributes:
      seed: of whatever it draws.
      select_on: where it makes choices: "validation"; anything else is an error.
    """

    seed: Seed = 0
    select_on: str = "validation"

    about: ClassVar[str] = ""  # one line for lists
    source: ClassVar[str] = ""  # the paper
    version: ClassVar[int] = 1  # counts changes that change numbers
    needs_labels: ClassVar[bool] = True  # False: it measures data without labels too

    def measure(self, subject: Subject, row: str) -> Measured | None:
        """Measures a representation.

        Args:
          subject: the representations and the data.
          row: which one.

        Returns:
          The numbers, or None where they have no meaning (tokens of the raw input, say).
        """
        raise NotImplementedError

    def notes(self) -> tuple[str, ...]:
        """Sentences for under the table."""
        return ()


@dataclass(frozen=True)
class Record:
    """An evaluation as it is saved; plain JSON types only.

    Attributes:
      protocol: "name", "id" (it changes with any setting), "about", "source" and "settings".
      run: "name", "seed" and "fingerprint" of the run, and "overrides".
      data: "name", "classes" and, for each split, its size and fingerprint.
      rows: representation -> column -> "value", "interval", "percent".
      details: representation -> whatever else was found.
      notes: sentences for under the table.
      seeds: "evaluation" and "training".
      versions: of Python and the packages.
      hardware: what it was computed on.
      command: what produced it.
      kind: marks the file.
    """

    protocol: dict[str, Any]
    run: dict[str, Any]
    data: dict[str, Any]
    rows: dict[str, dict[str, dict[str, Any]]]
    details: dict[str, dict[str, Any]]
    notes: list[str]
    seeds: dict[str, Any]
    versions: dict[str, str]
    hardware: str
    command: str
    kind: str = KIND

    def save(self, path: Path) -> Path:
        """Writes the record so that a reader never sees half of it; returns its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dataclasses.asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> Record:
        """Reads a record.

        Raises:
          UserError: the file is missing or is no such record.
        """
        try:
            return cls(**json.loads(Path(path).read_text()))
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is not an evaluation record of jssl: {error}") from error


def evaluate(
    subject: Subject,
    name: str,
    evaluation: Evaluation,
    *,
    run: Mapping[str, Any],
    data: Mapping[str, Any],
    seeds: Mapping[str, Any],
    versions: Mapping[str, str],
    hardware: str,
    command: str,
) -> Record:
    """Runs one protocol over all representations.

    Args:
      subject: the representations and the data.
      name: the protocol's.
      evaluation: the protocol.
      run: facts of the run, put on record as they are, like those that follow.
      data: name, classes and fingerprints.
      seeds: the training seed.
      versions: of the packages.
      hardware: what computes.
      command: the command line.

    Returns:
      The record.

    Raises:
      UserError: it would choose on the test split, or what it asks for cannot be answered.
    """
    check_selection(evaluation.select_on)
    found = {row: evaluation.measure(subject, row) for row in subject.rows}
    left_out = [row for row, measured in found.items() if measured is None]
    found = {row: measured for row, measured in found.items() if measured is not None}
    notes = list(evaluation.notes())
    if left_out:
        notes.append(f"Without meaning for: {', '.join(left_out)}.")
    settings = json.loads(json.dumps(dataclasses.asdict(evaluation)))
    return Record(
        protocol={
            "name": name,
            "id": identity(name, evaluation),
            "about": evaluation.about,
            "source": evaluation.source,
            "settings": settings,
        },
        run=dict(run),
        data=dict(data),
        rows={
            row: {column: dataclasses.asdict(score) for column, score in measured.scores.items()}
            for row, measured in found.items()
        },
        details={row: measured.details for row, measured in found.items()},
        notes=notes,
        seeds={"evaluation": evaluation.seed, **seeds},
        versions=dict(versions),
        hardware=hardware,
        command=command,
    )


def identity(name: str, evaluation: Evaluation) -> str:
    """A protocol's id, such as "knn-v1-3f2a90c1": the same settings, and only they, give it.

    The seed is left out: runs of several seeds are of one protocol.
    """
    settings = {k: v for k, v in dataclasses.asdict(evaluation).items() if k != "seed"}
    text = json.dumps(settings, sort_keys=True)
    return f"{name}-v{evaluation.version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
