"""Label-free measures of representation quality.

All functions compute in float64 on the host. RankMe is
`jssl.evaluation.collapse.effective_rank`, which is also computed inside the train step.
"""

from __future__ import annotations

from typing import Any

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import finite
from jssl.evaluation.clustering import kmeans


def eigenvalues(features: np.ndarray) -> np.ndarray:
    """Eigenvalues of the feature covariance in descending order.

    Args:
      features: [N, D] with N >= 2.

    Returns:
      float64 [min(N - 1, D)], of the unbiased covariance (divided by N - 1).
    """
    x = finite(features, "the feature matrix", least=2).astype(np.float64)
    x = x - x.mean(axis=0)
    singular = np.linalg.svd(x / np.sqrt(len(x) - 1), compute_uv=False)
    return singular[: min(len(x) - 1, x.shape[1])] ** 2


def alpha_req(features: np.ndarray, *, first: int = 1, last: int | None = None) -> float:
    """alpha-ReQ: the exponent of the power-law decay of the covariance eigenvalues.

    The negative slope of log(eigenvalue) over log(rank), by least squares. Values near 1 are
    considered best; smaller values mean a flatter spectrum, larger values a steeper one. Agrawal et
    al. 2022, "alpha-ReQ: Assessing Representation Quality in Self-Supervised Learning by Measuring
    Eigenspectrum Decay", section 3.

    Args:
      features: [N, D].
      first: rank of the first eigenvalue in the fit, starting at 1.
      last: rank of the last one; None for all that exceed rounding error.

    Returns:
      alpha.

    Raises:
      UserError: fewer than two eigenvalues remain.
    """
    values = eigenvalues(features)
    values = values[values > values[:1].max(initial=0.0) * 1e-12]
    ranks = np.arange(1, len(values) + 1)[first - 1 : last]
    values = values[first - 1 : last]
    if len(values) < 2:
        raise UserError(
            f"alpha-ReQ needs at least two eigenvalues that are not zero, but has {len(values)}: "
            "the features have collapsed, or there are too few of them"
        )
    x, y = np.log(ranks), np.log(values)
    return float(-np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2))


def nesum(features: np.ndarray) -> float:
    """NESum: the sum of the covariance eigenvalues divided by the largest; between 1 and D.

    He and Ozay 2022, "Exploring the Gap between Collapsed & Whitened Features in Self-Supervised
    Learning", section 3.2.

    Args:
      features: [N, D].

    Returns:
      The sum; 1 if all features are equal.
    """
    values = eigenvalues(features)
    return float(values.sum() / values[0]) if values[0] > 0 else 1.0


def stable_rank(features: np.ndarray) -> float:
    """Stable rank: squared Frobenius norm over squared spectral norm, of uncentred features.

    Tsitsulin et al. 2023, "Unsupervised Embedding Quality Evaluation", section 3.

    Args:
      features: [N, D].

    Returns:
      Between 1 and min(N, D); 1 if all features are zero.
    """
    x = finite(features, "the feature matrix").astype(np.float64)
    singular = np.linalg.svd(x, compute_uv=False)
    return float(np.sum(singular**2) / singular[0] ** 2) if singular[0] > 0 else 1.0


def lidar(views: np.ndarray, *, delta: float = 1e-4, epsilon: float = 1e-7) -> float:
    """LiDAR: the effective rank of the linear discriminant matrix, with each example as a class.

    With B the covariance of the example means and W the mean covariance of an example's views, it
    is the exponential of the entropy of the normalised eigenvalues of
    (W + delta I)^-1/2 B (W + delta I)^-1/2. Thilak et al. 2024, "LiDAR: Sensing Linear Probing
    Performance in Joint Embedding SSL Architectures", section 4.

    Args:
      views: [N, Q, D], features of Q augmented views of N examples.
      delta: added to the diagonal of W.
      epsilon: added to each normalised eigenvalue.

    Returns:
      Between 1 and min(N - 1, D).

    Raises:
      UserError: fewer than two examples or views.
    """
    x = _views(views)
    means = x.mean(axis=1)
    centred = means - means.mean(axis=0)
    between = centred.T @ centred / len(x)
    inner = (x - means[:, None]).reshape(-1, x.shape[2])
    within = inner.T @ inner / len(inner) + delta * np.eye(x.shape[2])
    values, vectors = np.linalg.eigh(within)
    root = vectors / np.sqrt(values)
    found = np.clip(np.linalg.eigvalsh(root.T @ between @ root), 0.0, None)
    total = found.sum()
    p = (found / total if total > 0 else np.eye(len(found))[0]) + epsilon
    return float(np.exp(-np.sum(p * np.log(p))))


def alignment(a: np.ndarray, b: np.ndarray, *, power: float = 2.0) -> float:
    """Alignment: mean distance between two views of an example on the unit sphere; 0 is best.

    Wang and Isola 2020, "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere", equation 1.

    Args:
      a: [N, D], features of the first views.
      b: [N, D], features of the second views.
      power: exponent of the distance.

    Returns:
      The mean of distance ** power.

    Raises:
      UserError: the arrays differ in shape.
    """
    if np.shape(a) != np.shape(b):
        raise UserError(
            f"alignment compares pairs of views, but they have the shapes {list(np.shape(a))} and "
            f"{list(np.shape(b))}"
        )
    return float(np.mean(np.linalg.norm(unit(a) - unit(b), axis=1) ** power))


def uniformity(features: np.ndarray, *, t: float = 2.0, block: int = 1024) -> float:
    """Uniformity: log of the mean pairwise Gaussian potential on the unit sphere; lower is better.

    Wang and Isola 2020, equation 2, over all pairs i < j.

    Args:
      features: [N, D] with N >= 2.
      t: inverse width of the potential.
      block: rows processed at a time.

    Returns:
      Between about -2 t (spread evenly, large D) and 0 (all equal).
    """
    finite(features, "the feature matrix", least=2)
    z = unit(features)
    total = 0.0
    for start in range(0, len(z), block):
        squares = np.clip(2.0 - 2.0 * z[start : start + block] @ z.T, 0.0, None)
        total += np.exp(-t * squares).sum()
    return float(np.log((total - len(z)) / (len(z) * (len(z) - 1))))


def intrinsic_dimension(features: np.ndarray) -> float:
    """TwoNN estimate of the intrinsic dimension of the feature manifold.

    With mu_i the ratio of the distances to the second and to the first neighbour, the maximum
    likelihood estimate is N / sum log mu_i. Duplicate examples are excluded. Facco et al. 2017,
    "Estimating the intrinsic dimension of datasets by a minimal neighborhood information",
    equation 3.

    Args:
      features: [N, D] with N >= 3.

    Returns:
      The estimated dimension.

    Raises:
      UserError: fewer than three examples, or all distances are equal.
    """
    x = finite(features, "the feature matrix", least=3).astype(np.float64)
    nearest = two_nearest(x)
    nearest = nearest[nearest[:, 0] > 0]
    total = np.log(nearest[:, 1] / nearest[:, 0]).sum() if len(nearest) else 0.0
    if total <= 0:
        raise UserError("features have no intrinsic dimension: all of them, or most, are equal")
    return float(len(nearest) / total)


def cluster_learnability(
    features: np.ndarray, *, clusters: int = 10, neighbours: int = 1, seed: int = 0
) -> float:
    """Cluster learnability: online accuracy of a kNN classifier on k-means clusters.

    In a seeded random order, each example is classified by the preceding ones; the mean accuracy is
    the area under the learning curve. Lu et al. 2023, "Using Representation Expressiveness and
    Learnability to Evaluate Self-Supervised Learning Methods", section 4.

    Args:
      features: [N, D].
      clusters: number of k-means clusters.
      neighbours: number of voting neighbours; ties go to the smallest cluster index.
      seed: seed of k-means and of the order.

    Returns:
      Accuracy in [0, 1].

    Raises:
      UserError: fewer examples than clusters.
    """
    x = finite(features, "the feature matrix", least=2).astype(np.float64)
    labels = kmeans(x, clusters, seed=seed).labels
    order = np.random.default_rng(seed).permutation(len(x))
    x, labels = x[order], labels[order]
    squares = np.sum(x**2, axis=1)
    right = 0
    for t in range(1, len(x)):
        distance = squares[:t] - 2 * x[:t] @ x[t]
        k = min(neighbours, t)
        near = np.argpartition(distance, k - 1)[:k]
        right += np.bincount(labels[near], minlength=clusters).argmax() == labels[t]
    return right / (len(x) - 1)


def augmentation_radius(views: np.ndarray, labels: np.ndarray, *, share: float = 0.9) -> float:
    """Concentration of augmented views within classes, as a radius: smaller is more concentrated.

    d(i, j) is the smallest distance of any view of i to any view of j. Huang et al. 2023, "Towards
    the Generalization of Contrastive Self-Supervised Learning" (definition 1), call an augmentation
    (sigma, delta) if in every class a fraction sigma of the examples has pairwise d of at most
    delta. Finding the largest such set is a maximum-clique problem; here it is bounded by a ball:
    for each class the smallest radius around one of its examples that contains the fraction, and
    the largest of these radii over the classes.

    Args:
      views: [N, Q, D], Q views of N examples, inputs (flattened) or features.
      labels: int [N].
      share: sigma, in (0, 1].

    Returns:
      The radius, in the units of the views.

    Raises:
      UserError: a fraction outside (0, 1], or arrays of different lengths.
    """
    x = np.asarray(views, np.float64)
    if not 0 < share <= 1 or x.ndim != 3 or np.shape(labels) != x.shape[:1]:
        raise UserError(
            f"concentration needs a share in (0, 1], views [N, Q, D] and labels [N], not {share}, "
            f"{list(x.shape)} and {list(np.shape(labels))}"
        )
    radius = 0.0
    for value in np.unique(labels):
        part = x[np.asarray(labels) == value]
        count, draws, _ = part.shape
        flat = part.reshape(count * draws, -1)
        square = np.sum(flat**2, axis=1)
        distances = square[:, None] + square - 2 * flat @ flat.T
        pairs = distances.reshape(count, draws, count, draws).min(axis=(1, 3))
        np.fill_diagonal(pairs, 0.0)
        held = int(np.ceil(share * count)) - 1
        radius = max(radius, np.sort(np.clip(pairs, 0, None), axis=1)[:, held].min())
    return float(np.sqrt(radius))


def two_nearest(x: np.ndarray, block: int = 1024) -> np.ndarray:
    """Distances from every row of float64 [N, D] to its two nearest neighbours: float64 [N, 2]."""
    chex.assert_rank(x, 2)
    square = np.sum(x**2, axis=1)
    found = []
    for start in range(0, len(x), block):
        part = x[start : start + block]
        distances = square[start : start + block, None] + square - 2 * part @ x.T
        rows = np.arange(len(part))
        distances[rows, start + rows] = np.inf
        near = np.argpartition(distances, 1, axis=1)[:, :2]
        # Recomputed directly: the expansion above suffers from cancellation for close neighbours.
        found.append(np.sort(np.linalg.norm(part[:, None] - x[near], axis=2), axis=1))
    return np.concatenate(found)


def unit(x: np.ndarray) -> np.ndarray:
    """l2-normalises the rows of [N, D], in float64; zero rows stay zero."""
    x = finite(x, "the feature matrix").astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _views(views: Any) -> np.ndarray:
    x = np.asarray(views)
    if x.ndim != 3 or x.shape[0] < 2 or x.shape[1] < 2:
        raise UserError(
            f"features of views must be [N, Q, D] with two examples and two views at least, not "
            f"{list(x.shape)}"
        )
    finite(x.reshape(-1, x.shape[2]), "the views")
    return x.astype(np.float64)
