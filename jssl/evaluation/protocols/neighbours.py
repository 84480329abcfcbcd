"""Training-free protocols: kNN classification, retrieval, copy detection and clustering."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Count, Natural, Positive, Several, Widths
from jssl.evaluation.clustering import cluster_features
from jssl.evaluation.knn import knn_accuracy
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations
from jssl.evaluation.retrieval import copy_detection, retrieval


@dataclass(frozen=True)
class KNN(Evaluation):
    """Weighted kNN classification of the test split; no hyper-parameter is selected.

    Attributes:
      ks: numbers of neighbours; one search serves all of them. Numbers above the size of the
        training split are left out, unless all are.
      temperature: temperature of the vote's weights.
    """

    ks: Widths = (1, 5, 20, 200)
    temperature: Positive = 0.07

    about: ClassVar[str] = "weighted k nearest neighbours by cosine"
    source: ClassVar[str] = "Wu et al. 2018, section 3.4"

    def measure(self, subject: Representations, row: str) -> Measured:
        train, _, test = subject.features(row)
        found = knn_accuracy(
            *train,
            *test,
            ks=[k for k in self.ks if k <= len(train.labels)] or self.ks,
            temperature=self.temperature,
            mesh=subject.mesh,
        )
        count = len(test.labels)
        return Measured({f"k={k}": Score(a, binomial_interval(a, count)) for k, a in found.items()})

    def notes(self) -> tuple[str, ...]:
        return (f"Weights exp(cosine / {self.temperature}); ± over test examples.",)


@dataclass(frozen=True)
class Retrieval(Evaluation):
    """Image retrieval: each test image is a query for the others of its class.

    Attributes:
      ks: cut-offs of recall@k.
      limit: largest number of test examples.
    """

    ks: Widths = (1, 5, 10)
    limit: Count = dataclasses.field(default=10000, metadata={"former": "most"})

    about: ClassVar[str] = "recall@k and mean average precision within the test split"

    def measure(self, subject: Representations, row: str) -> Measured:
        features, labels = subject.labelled(row, "test")
        found = retrieval(features[: self.limit], labels[: self.limit], ks=self.ks)
        return Measured({name: Score(value) for name, value in found.items()})


@dataclass(frozen=True)
class CopyDetection(Evaluation):
    """Copy detection: finds the original of each augmented test image, with training distractors.

    Attributes:
      limit: largest number of test images that are copied.
      distractors: number of training images among the references.
    """

    limit: Count = dataclasses.field(default=1000, metadata={"former": "most"})
    distractors: Natural = 5000

    about: ClassVar[str] = "copy detection: recall@1 and micro-AP of augmented copies"
    source: ClassVar[str] = "Douze et al. 2021, with the run's own augmentation"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        copies = subject.views(row, "test", examples=self.limit, draws=1, seed=self.seed)[:, 0]
        originals = subject.labelled(row, "test").features[: len(copies)]
        others = subject.labelled(row, "train").features[: self.distractors]
        found = copy_detection(originals, copies, others)
        return Measured({name: Score(value) for name, value in found.items()})

    def notes(self) -> tuple[str, ...]:
        return (f"{self.distractors} training images at most stand among the references.",)


@dataclass(frozen=True)
class Clusters(Evaluation):
    """Clustering of the test split, compared with its classes.

    Attributes:
      clusters: number of clusters; None for the number of classes.
      dimensions: number of principal components kept before clustering.
      limit: largest number of test examples.
      tree_limit: number of examples above which hierarchical clustering is skipped.
    """

    clusters: Several | None = None
    dimensions: Count = 50
    limit: Count = dataclasses.field(default=10000, metadata={"former": "most"})
    tree_limit: Count = dataclasses.field(default=5000, metadata={"former": "tree_most"})

    about: ClassVar[str] = "k-means and Ward clusters: AMI, ARI, Hungarian accuracy, silhouettes"
    source: ClassVar[str] = "Lowe et al. 2024, with PCA for the reduced space"

    def measure(self, subject: Representations, row: str) -> Measured:
        features, labels = subject.labelled(row, "test")
        found = cluster_features(
            features[: self.limit],
            labels[: self.limit],
            clusters=self.clusters,
            dimensions=self.dimensions,
            agglomerative_limit=self.tree_limit,
            seed=self.seed,
        )
        scores = {f"k-means {name}": Score(v) for name, v in found.kmeans.items()}
        if found.agglomerative is not None:
            scores["Ward ami"] = Score(found.agglomerative["ami"])
        scores["silhouette of clusters"] = Score(found.silhouette, percent=False)
        scores["silhouette of classes"] = Score(found.class_silhouette, percent=False)
        return Measured(scores, {"agglomerative": found.agglomerative})


PROTOCOLS = {
    "knn": KNN(),
    "retrieval": Retrieval(),
    "copy_detection": CopyDetection(),
    "clusters": Clusters(),
}
