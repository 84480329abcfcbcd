"""The record of one protocol: its scores with the metadata needed to reproduce them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from jssl.core.ranges import Ranged, Seed
from jssl.core.settings import recorded
from jssl.errors import UserError
from jssl.evaluation.linear import check_selection
from jssl.evaluation.representations import Representations
from jssl.evaluation.strengths import edge_notes
from jssl.runs.run import write_json

KIND = "jssl evaluation"
FORMER_NAMES = {"copies": "copy_detection", "foreign": "ood"}
"""Protocols that were renamed; commands and records may still use their former names."""
UNTRAINED, RAW = "untrained", "raw"  # a row, and the beginning of a row's name: the baselines


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes:
      value: the score.
      interval: half-width of its 95 % interval, or None.
      percent: whether it is a fraction in [0, 1] that tables show in percent.
      converged: False if the probe's solver stopped at its limit of iterations.
    """

    value: float
    interval: float | None = None
    percent: bool = True
    converged: bool = True


@dataclass(frozen=True)
class Measured:
    """The results of a protocol for one representation.

    Attributes:
      scores: the scores of the table, by column.
      details: further results to record; plain JSON types.
    """

    scores: dict[str, Score]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation(Ranged):
    """An evaluation protocol: a frozen dataclass of settings.

    A protocol is an instance of a subclass in `jssl/evaluation/protocols/`, named by the dictionary
    `PROTOCOLS` of its module.

    Attributes:
      seed: seed of the random draws.
      select_on: the split used for selection: "validation"; any other value is an error.
    """

    seed: Seed = 0
    select_on: str = "validation"

    about: ClassVar[str] = ""  # one-line description
    source: ClassVar[str] = ""  # the paper
    version: ClassVar[int] = 1  # increased by changes that affect the results
    needs_labels: ClassVar[bool] = True  # False: also applies to data without labels

    def measure(self, subject: Representations, row: str) -> Measured | None:
        """Evaluates a representation.

        Args:
          subject: the representations and the data.
          row: name of the representation.

        Returns:
          The scores, or None if the protocol does not apply (such as tokens of the raw input).
        """
        raise NotImplementedError

    def notes(self) -> tuple[str, ...]:
        """Notes shown below the table."""
        return ()


@dataclass(frozen=True)
class Record:
    """A saved evaluation; plain JSON types only.

    Attributes:
      protocol: "name", "id" (which depends on every setting), "about", "source" and "settings".
      run: "name", "seed" and "fingerprint" of the run, and "overrides".
      data: "name", "classes", "chance" (the frequency of the commonest test class, where there are
        classes) and the size and fingerprint of each split.
      rows: representation -> column -> "value", "interval", "percent", "converged".
      details: representation -> further results.
      notes: notes shown below the table.
      seeds: "evaluation" and "training".
      versions: versions of Python and the packages.
      hardware: the hardware of the evaluation.
      command: the command line that produced it.
      kind: marker of the file format.
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

    def __post_init__(self) -> None:
        """Gives a record under a protocol's former name the present one, also in the id."""
        former = self.protocol.get("name")
        if former in FORMER_NAMES:
            name = FORMER_NAMES[former]
            ident = str(self.protocol.get("id", "")).replace(f"{former}-", f"{name}-", 1)
            object.__setattr__(self, "protocol", {**self.protocol, "name": name, "id": ident})

    def save(self, path: Path) -> Path:
        """Writes the record atomically and returns its path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dataclasses.asdict(self))
        return path

    @classmethod
    def load(cls, path: Path) -> Record:
        """Reads a record.

        Raises:
          UserError: the file is missing or is not a valid record.
        """
        try:
            return cls(**json.loads(Path(path).read_text()))
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is not an evaluation record of jssl: {error}") from error


def evaluate(
    subject: Representations,
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
    """Evaluates all representations under one protocol.

    Args:
      subject: the representations and the data.
      name: name of the protocol.
      evaluation: the protocol.
      run: facts about the run; recorded unchanged, like the following arguments.
      data: name, classes and fingerprints of the data.
      seeds: the training seed.
      versions: versions of the packages.
      hardware: the hardware of the evaluation.
      command: the command line.

    Returns:
      The record.

    Raises:
      UserError: the protocol would select on the test split, its request cannot be satisfied, or
        the untrained encoder is not among the representations.
    """
    if UNTRAINED not in subject.rows:
        raise UserError(
            f"a record needs a row {UNTRAINED!r} beside the trained one; there are: "
            f"{', '.join(subject.rows) or 'none'}"
        )
    check_selection(evaluation.select_on)
    found = {row: evaluation.measure(subject, row) for row in subject.rows}
    left_out = [row for row, measured in found.items() if measured is None]
    found = {row: measured for row, measured in found.items() if measured is not None}
    notes = list(evaluation.notes())
    for row, measured in found.items():
        notes += edge_notes(measured.details, row)
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
    """The id of a protocol, such as "knn-v1-3f2a90c1", which identifies its settings.

    The seed is excluded, so that evaluations with different seeds share an id.
    """
    values = dataclasses.asdict(evaluation).items()
    settings = {recorded(evaluation, k): v for k, v in values if k != "seed"}
    text = json.dumps(settings, sort_keys=True)
    return f"{name}-v{evaluation.version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
