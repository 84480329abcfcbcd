"""Low-label protocols: fractions of the labels, labels per class, few-shot episodes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

from jssl.core.ranges import AboveZero, Count, Layers, Positives, Several, Spread, Widths
from jssl.evaluation.arrays import moments
from jssl.evaluation.few_label import FewLabelResult, few_label_probe, fraction_probe
from jssl.evaluation.few_shot import METHODS, FewShot, choose_weight, few_shot
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS


@dataclass(frozen=True)
class FewLabels(Evaluation):
    """Logistic probes on stratified subsets of the training labels.

    Attributes:
      fractions: fractions of the training labels.
      per_class: numbers of labels per class.
      draws: number of random subsets for each.
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    fractions: tuple[AboveZero, ...] = (0.01, 0.1)
    per_class: Layers = ()
    draws: Count = 5
    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = "logistic probe on few labels: fractions, or a number per class"

    def measure(self, subject: Representations, row: str) -> Measured:
        splits = subject.features(row)
        common = {"draws": self.draws, "seed": self.seed, "select_on": self.select_on}
        common |= {"strengths": self.strengths, "bounds": self.bounds}
        shares = fraction_probe(*splits, fractions=self.fractions, **common)
        counts = few_label_probe(*splits, per_class=self.per_class, **common)
        found = {f"{100 * share:g} % of labels": result for share, result in shares.items()}
        found |= {f"{count} a class": result for count, result in counts.items()}
        return Measured(
            {name: _score(r.mean, r.interval, r.converged) for name, r in found.items()},
            {name: _plain(result) for name, result in found.items()},
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"± over {self.draws} draws of the labelled examples, the same for every row; one C "
            "for all draws, chosen on validation.",
        )


@dataclass(frozen=True)
class Episodes(Evaluation):
    """n-way k-shot classification in episodes drawn from the test split.

    Attributes:
      ways: classes per episode.
      shots: numbers of labelled examples per class; each gets a column.
      queries: query examples per class.
      episodes: number of episodes.
      methods: classifiers; see `jssl.evaluation.few_shot`.
    """

    ways: Several = 5
    shots: Widths = (1, 5)
    queries: Count = 15
    episodes: Count = 600
    methods: tuple[str, ...] = METHODS

    about: ClassVar[str] = "few-shot episodes: prototypes, Laplacian and clustering"
    source: ClassVar[str] = "Wang et al. 2019; Ziko et al. 2020"

    def measure(self, subject: Representations, row: str) -> Measured:
        train, validation, test = subject.features(row)
        centre = moments(train.features)[0]
        scores, weights = {}, {}
        for shots in self.shots:
            for method in self.methods:
                settings = FewShot(
                    self.ways, shots, self.queries, self.episodes, method, seed=self.seed
                )
                if method == "laplacian":
                    tried = dataclasses.replace(settings, episodes=min(self.episodes, 100))
                    weight = choose_weight(*validation, tried, centre=centre)
                    settings = dataclasses.replace(settings, weight=weight)
                    weights[f"{shots}-shot"] = weight
                found = few_shot(*test, settings, centre=centre)
                scores[f"{shots}-shot {method}"] = _score(found.mean, found.interval)
        return Measured(scores, {"laplacian weight": weights})

    def notes(self) -> tuple[str, ...]:
        return (
            f"{self.ways}-way, {self.queries} queries per class, {self.episodes} episodes; ± over "
            "episodes. Laplacian and clustering see all queries of an episode together.",
        )


def _score(mean: float, interval: float, converged: bool = True) -> Score:
    return Score(mean, None if math.isnan(interval) else interval, converged=converged)


def _plain(result: FewLabelResult) -> dict:
    plain = dataclasses.asdict(result) | {"draws": list(result.draws)}
    return plain | {"interval": None if math.isnan(result.interval) else result.interval}


PROTOCOLS = {
    "few_labels": FewLabels(),
    "few_labels_a_class": FewLabels(fractions=(), per_class=(1, 5, 10), draws=10),
    "episodes": Episodes(),
}
