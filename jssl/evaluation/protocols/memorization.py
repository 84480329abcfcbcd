"""Memorization score: compares two runs, one of them trained without the scored examples."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from jssl.core.intervals import mean_interval
from jssl.core.ranges import Count
from jssl.data.source import Source, SubsetSource
from jssl.errors import UserError
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations, Row
from jssl.evaluation.risk import memorisation
from jssl.runs.options import Options
from jssl.runs.restoring import restore
from jssl.runs.run import reopen


@dataclass(frozen=True)
class Memorisation(Evaluation):
    """Memorization score of the training examples that another run was trained without.

    Attributes:
      without: folder of the other run: the same experiment trained on fewer or other examples.
      examples: largest number of examples scored.
      draws: augmented views per example.
    """

    without: str = ""
    examples: Count = 500
    draws: Count = 10

    about: ClassVar[str] = "memorization score against a run trained without the examples"
    source: ClassVar[str] = "Wang et al. 2024, SSLMem"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if row != "trained":
            return None
        if not self.without:
            raise UserError("memorisation compares two runs: --set without=FOLDER names the other")
        own = subject.run
        other = reopen(
            Path(self.without),
            trust=own is not None and own.trust,
            accept_changes=own is not None and own.accept_changes,
        )
        options = Options(devices=subject.program.mesh.size)
        program, state, splits = restore(other, options, log=lambda line: None)
        field = subject.program.experiment.preprocess.field
        train = subject.splits.train
        alone = unseen(train, splits.train, field)
        if len(alone) < 2:
            raise UserError(
                f"{self.without} was trained on all but {len(alone)} of this run's examples: train "
                "it on fewer, for example with jssl.data.Part"
            )
        chosen = SubsetSource(train, alone[: self.examples])
        rows = {"with": subject.rows[row], "without": Row(program, state)}
        part = Representations(
            rows, dataclasses.replace(subject.splits, train=chosen), subject.program
        )
        views = [
            part.views(name, "train", examples=len(chosen), draws=self.draws, seed=self.seed)
            for name in rows
        ]
        scores = memorisation(*views)
        mean, interval = mean_interval(scores)
        return Measured(
            {
                "mean": Score(mean, interval, percent=False),
                "highest tenth": Score(float(np.quantile(scores, 0.9)), percent=False),
                "share above 0": Score(float((scores > 0).mean())),
            },
            {"scores": scores.tolist(), "examples": chosen.indices.tolist()},
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"{self.draws} views an example; scores in [-1, 1], above 0 where the run that saw the "
            "example aligns its views better. One encoder on each side, where the paper averages.",
        )


def unseen(train: Source, other: Source, field: str, block: int = 1024) -> np.ndarray:
    """Indices of the examples of `train` whose input does not occur in `other`: int64 [M]."""

    def keys(source: Source) -> list[bytes]:
        found = []
        for start in range(0, len(source), block):
            batch = source[np.arange(start, min(start + block, len(source)))][field]
            found += [x.tobytes() for x in np.asarray(batch)]
        return found

    known = set(keys(other))
    return np.array([i for i, key in enumerate(keys(train)) if key not in known], np.int64)


PROTOCOLS = {"memorisation": Memorisation()}
