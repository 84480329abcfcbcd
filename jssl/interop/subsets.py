"""Neighbours of an example, and subsets of the data, from a file of features."""

from __future__ import annotations

import dataclasses

import numpy as np

from jssl.errors import UserError, nearest
from jssl.evaluation.arrays import finite
from jssl.interop.feature_files import FeatureFile, blocks_of

METHODS = ("kmeans", "coreset")


def unit(features: np.ndarray) -> np.ndarray:
    """Rows of unit Euclidean norm, float32 [N, D]; a row of zeros stays."""
    x = finite(features, "the feature matrix").astype(np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def neighbours(file: FeatureFile, row: int, k: int = 10) -> list[tuple[int, float]]:
    """The examples most similar to one.

    Args:
      file: features [N, D].
      row: the example.
      k: how many.

    Returns:
      (row, cosine similarity) of the k others with the highest similarity, highest first; equal
      ones in the order of their rows.

    Raises:
      UserError: the file holds tokens, or k is not from 1 to N - 1.
    """
    features = file.vectors()
    if not 1 <= k < len(features):
        raise UserError(f"-k {k}: there are {len(features) - 1} other examples in {file.path}")
    query = unit(features[row : row + 1])[0]
    similarity = np.concatenate([unit(block) @ query for _, block in blocks_of(features)])
    similarity[row] = -np.inf
    order = np.argsort(-similarity, kind="stable")[:k]
    return [(int(i), float(similarity[i])) for i in order]


@dataclasses.dataclass(frozen=True)
class Subset:
    """Selected rows.

    Attributes:
      rows: int64 [count], in the order of selection.
      radius: largest cosine distance of an example to the nearest selected one.
      mean: mean of that distance over all examples.
    """

    rows: np.ndarray
    radius: float
    mean: float


def select(file: FeatureFile, count: int, by: str = "coreset", seed: int = 0) -> Subset:
    """A subset that covers the data.

    "coreset" is the greedy k-centre algorithm (Gonzalez, 1985; Sener & Savarese, 2018, algorithm
    1): the next example is the one farthest from all selected so far, so that the largest distance
    is at most twice that of the best subset; it prefers outliers. "kmeans" takes the example
    nearest to each of `count` k-means centroids, which prefers dense regions.

    Features are scaled to unit norm. The result is a function of the arguments alone.

    Args:
      file: features [N, D].
      count: number of examples.
      by: "coreset" or "kmeans".
      seed: of the first example, or of the initial centroids.

    Returns:
      The subset.

    Raises:
      UserError: the file holds tokens, `count` is not from 1 to N, or `by` is unknown.
    """
    if by not in METHODS:
        raise UserError(f"--by {by}: {nearest(by, METHODS)}")
    features = file.vectors()
    if not 1 <= count <= len(features):
        raise UserError(f"--count {count}: {file.path} has {len(features)} examples")
    x = unit(features)
    start = int(np.random.default_rng(seed).integers(len(x)))
    rows, distance = _kmeans(x, count, seed) if by == "kmeans" else _k_centre(x, [start], count)
    return Subset(np.asarray(rows, np.int64), float(distance.max()), float(distance.mean()))


def _k_centre(x: np.ndarray, rows: list[int], count: int) -> tuple[list[int], np.ndarray]:
    distance = np.full(len(x), np.inf, np.float32)
    for row in rows:
        distance = np.minimum(distance, 1 - x @ x[row])
    taken = list(rows)
    while len(taken) < count:
        open_ = distance.copy()
        open_[taken] = -np.inf  # rounding may leave a selected one above its equals
        farthest = int(np.argmax(open_))
        taken.append(farthest)
        distance = np.minimum(distance, 1 - x @ x[farthest])
    return taken, np.maximum(distance, 0)


def _kmeans(x: np.ndarray, count: int, seed: int) -> tuple[list[int], np.ndarray]:
    import warnings

    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    large = len(x) * count > 20_000_000
    kind = MiniBatchKMeans if large else KMeans
    more = {"batch_size": max(4096, count)} if large else {}
    with warnings.catch_warnings():  # fewer distinct examples than centroids are dealt with below
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = kind(count, n_init=1, random_state=seed, **more).fit(x)
    distance = np.linalg.norm(x - found.cluster_centers_[found.labels_], axis=1)
    order = np.lexsort((np.arange(len(x)), distance, found.labels_))
    first = np.unique(found.labels_[order], return_index=True)[1]
    return _k_centre(x, [int(i) for i in order[first]], count)
