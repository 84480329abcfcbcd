"""OOD detection, accuracy by subgroup, and decomposition of the probe's risk."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jssl.config.experiment import load
from jssl.core.ranges import Count, Inside
from jssl.data.source import Source, read_all
from jssl.errors import UserError, nearest
from jssl.evaluation.detection import auroc, group_gaps, knn_score, mahalanobis_score
from jssl.evaluation.knn import knn_predict
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations, pooled
from jssl.evaluation.risk import decompose_risk


def ood_test(experiment: str, subject: Representations) -> Source:
    """The test split of another experiment's data.

    Args:
      experiment: name of the other experiment.
      subject: the representations under evaluation.

    Raises:
      UserError: both experiments use the same data.
    """
    other = load(experiment).data.load()
    if other.name == subject.splits.name:
        raise UserError(
            f"{experiment} has the data that is evaluated ({other.name}), which is not out of "
            "distribution: choose another with --set data=EXPERIMENT"
        )
    return other.test


@dataclass(frozen=True)
class OODDetection(Evaluation):
    """OOD detection: separates the test split from the test split of another data set.

    Attributes:
      data: experiment whose data is out of distribution; its images must fit the encoder.
      k: rank of the neighbour whose distance is the score.
      limit: largest number of training examples in the bank.
    """

    data: str = "image/simclr_shapes"
    k: Count = 50
    limit: Count = dataclasses.field(default=20000, metadata={"former": "most"})

    about: ClassVar[str] = "out-of-distribution AUROC by kNN and Mahalanobis distance"
    source: ClassVar[str] = "Sun et al. 2022; Lee et al. 2018"

    def measure(self, subject: Representations, row: str) -> Measured:
        bank, labels = (part[: self.limit] for part in subject.labelled(row, "train"))
        known = subject.labelled(row, "test").features
        ood = subject.arrays(row, ood_test(self.data, subject), pooled)[0]["pooled"]
        if ood.shape[1] != known.shape[1]:
            return None  # raw inputs of a different size
        scores = {
            "kNN": [knn_score(bank, x, k=self.k) for x in (known, ood)],
            "Mahalanobis": [mahalanobis_score(bank, x, labels) for x in (known, ood)],
            "one Gaussian": [mahalanobis_score(bank, x) for x in (known, ood)],
        }
        return Measured({name: Score(auroc(*pair)) for name, pair in scores.items()})

    def notes(self) -> tuple[str, ...]:
        return (f"AUROC against the test split of {self.data}; 50 is chance.",)


@dataclass(frozen=True)
class Groups(Evaluation):
    """kNN accuracy by subgroup of the test split.

    Attributes:
      factor: key of an example that holds its group; a float factor is cut into `bins` quantiles.
      bins: number of groups for a float factor.
      k: number of nearest neighbours.
    """

    factor: str = "label"
    bins: Count = 5
    k: Count = 20

    about: ClassVar[str] = "kNN accuracy by group: worst, best and gap"

    def measure(self, subject: Representations, row: str) -> Measured:
        train, _, test = subject.features(row)
        batch = read_all(subject.splits.test)
        if self.factor not in batch:
            raise UserError(f"the data has no {self.factor!r}: {nearest(self.factor, batch)}")
        groups = batch[self.factor]
        if groups.ndim != 1:
            raise UserError(f"{self.factor!r} is not one value per example: it defines no groups")
        if np.issubdtype(groups.dtype, np.floating):
            edges = np.quantile(groups, np.linspace(0, 1, self.bins + 1)[1:-1])
            groups = np.digitize(groups, edges)
        predicted = knn_predict(*train, test.features, ks=(self.k,))[self.k]
        found = group_gaps(predicted == test.labels, groups)
        scores = {name: Score(found[name]) for name in ("worst", "best", "gap")}
        return Measured(scores, {"groups": found["groups"]})

    def notes(self) -> tuple[str, ...]:
        return (f"Groups by {self.factor}; weighted {self.k}-NN.",)


@dataclass(frozen=True)
class RiskParts(Evaluation):
    """Decomposes the linear probe's test error into four parts.

    Attributes:
      held_out: fraction of each class that is withheld from the probe.
    """

    held_out: Inside = 0.1

    about: ClassVar[str] = "risk decomposition of the linear probe; add --supervised"
    source: ClassVar[str] = "Dubois et al. 2023"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None or row == "supervised":
            return None
        probe = linear_probe(*subject.features(row), select_on=self.select_on)
        train, _, test = subject.features(row)
        # The supervised network's training error is estimated by a probe on its features.
        error, known = 0.0, "supervised" in subject.rows
        if known:
            own = subject.labelled("supervised", "train")
            error = 1 - linear_probe(own, own, own, strengths=(probe.strength,)).top1
        found = decompose_risk(
            train,
            test,
            supervised_error=error,
            strength=probe.strength,
            held_out=self.held_out,
            seed=self.seed,
        )
        scores = {k.replace("_", " "): Score(v) for k, v in found._asdict().items()}
        return Measured(scores, {"C": probe.strength, "supervised row": known})

    def notes(self) -> tuple[str, ...]:
        return (
            "Errors, adding up to the total. Approximation is the training error of a probe on the "
            "supervised row's features, and taken as 0 without that row.",
        )


PROTOCOLS = {"ood": OODDetection(), "groups": Groups(), "risk": RiskParts()}
