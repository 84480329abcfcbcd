"""Clustering of features, and agreement of clusters with classes."""

from __future__ import annotations

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import finite, labelled, moments
from jssl.objectives.common import matmul


class KMeans(NamedTuple):
    """Cluster indices int64 [N], centres float32 [K, D], inertia (sum of squared distances)."""

    labels: np.ndarray
    centres: np.ndarray
    inertia: float


def kmeans(
    features: np.ndarray,
    clusters: int,
    *,
    restarts: int = 4,
    iterations: int = 100,
    seed: int = 0,
) -> KMeans:
    """Lloyd's algorithm with k-means++ initialisation, on the device; the best of all restarts.

    Restarts run in parallel. An empty cluster keeps its centre. Features are centred first, which
    leaves distances unchanged and reduces float32 rounding.

    Args:
      features: [N, D].
      clusters: K.
      restarts: number of independent initialisations.
      iterations: largest number of Lloyd iterations; it stops earlier at a fixed point.
      seed: seed of the initialisations.

    Returns:
      The clustering with the lowest inertia.

    Raises:
      UserError: fewer examples than clusters, or a value that is not finite.
    """
    x = finite(features, "the feature matrix").astype(np.float32)
    if not 1 <= clusters <= len(x):
        raise UserError(
            f"{len(x)} examples cannot form {clusters} clusters: choose between 1 and {len(x)}"
        )
    mean = moments(x)[0]
    keys = jax.random.split(jax.random.key(seed), restarts)
    centres, labels, inertia = _kmeans(jnp.asarray(x - mean), keys, clusters, iterations)
    best = int(np.argmin(inertia))
    return KMeans(
        np.asarray(labels[best], np.int64), np.asarray(centres[best]) + mean, float(inertia[best])
    )


@functools.partial(jax.jit, static_argnames=("clusters", "iterations"))
def _kmeans(
    x: jax.Array, keys: jax.Array, clusters: int, iterations: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    square = jnp.sum(x * x, axis=1)

    def distances(centres: jax.Array) -> jax.Array:
        found = square[:, None] + jnp.sum(centres**2, axis=1) - 2 * matmul(x, centres.T)
        return jnp.maximum(found, 0.0)

    def seeded(key: jax.Array) -> jax.Array:
        first, rest = jax.random.split(key)
        start = x[jax.random.randint(first, (), 0, len(x))]

        def add(carry: tuple[jax.Array, jax.Array], key: jax.Array) -> tuple[tuple, jax.Array]:
            near, centre = carry
            near = jnp.minimum(near, jnp.sum((x - centre) ** 2, axis=1))
            # If every example coincides with a centre, any of them may be chosen.
            weight = jnp.where(jnp.sum(near) > 0, near, 1.0)
            chosen = x[jax.random.categorical(key, jnp.log(weight))]
            return (near, chosen), chosen

        near = jnp.full(len(x), jnp.inf)
        _, more = jax.lax.scan(add, (near, start), jax.random.split(rest, clusters - 1))
        return jnp.concatenate([start[None], more])

    def one(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        def move(state: tuple) -> tuple:
            centres, labels, step, _ = state
            member = jax.nn.one_hot(labels, clusters, dtype=jnp.float32)
            count = member.sum(axis=0)
            means = matmul(member.T, x) / jnp.maximum(count, 1.0)[:, None]
            centres = jnp.where(count[:, None] > 0, means, centres)
            new = jnp.argmin(distances(centres), axis=1)
            return centres, new, step + 1, jnp.any(new != labels)

        centres = seeded(key)
        labels = jnp.argmin(distances(centres), axis=1)
        centres, labels, _, _ = jax.lax.while_loop(
            lambda state: state[3] & (state[2] < iterations),
            move,
            (centres, labels, jnp.int32(0), jnp.bool_(True)),
        )
        return centres, labels, jnp.sum((x - centres[labels]) ** 2)

    return jax.lax.map(one, keys)


def agglomerative(features: np.ndarray, clusters: int) -> np.ndarray:
    """Ward's hierarchical clustering (scikit-learn), with memory O(N^2).

    Args:
      features: [N, D].
      clusters: number of clusters at which the tree is cut.

    Returns:
      Cluster indices int64 [N].

    Raises:
      UserError: fewer examples than clusters, or a value that is not finite.
    """
    from sklearn.cluster import AgglomerativeClustering

    x = finite(features, "the feature matrix", least=2)
    if not 1 <= clusters <= len(x):
        raise UserError(
            f"{len(x)} examples cannot form {clusters} clusters: choose between 1 and {len(x)}"
        )
    return AgglomerativeClustering(n_clusters=clusters).fit_predict(x).astype(np.int64)


def hungarian_accuracy(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy under the best one-to-one matching of clusters to classes (Hungarian algorithm).

    Examples of unmatched clusters or classes count as errors.

    Args:
      clusters: int [N].
      labels: int [N].

    Returns:
      In [0, 1].
    """
    from scipy.optimize import linear_sum_assignment

    table = contingency(clusters, labels)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(labels))


def contingency(clusters: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number of examples in cluster i and class j: int64 [clusters, classes]."""
    chex.assert_rank([clusters, labels], 1)
    chex.assert_equal_shape([clusters, labels])
    _, rows = np.unique(clusters, return_inverse=True)
    _, columns = np.unique(labels, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def agreement(clusters: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Three measures of agreement between clusters and classes.

    Args:
      clusters: int [N].
      labels: int [N].

    Returns:
      "ami" (adjusted mutual information), "ari" (adjusted Rand index), both 0 for chance and 1 for
      equal partitions (scikit-learn), and "hungarian" (see `hungarian_accuracy`).

    Raises:
      UserError: the arrays differ in length, or are empty.
    """
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    clusters, labels = np.asarray(clusters), np.asarray(labels)
    chex.assert_rank([clusters, labels], 1)
    if len(clusters) != len(labels) or not len(labels):
        raise UserError(
            f"{len(clusters)} cluster numbers cannot be compared with {len(labels)} labels"
        )
    return {
        "ami": float(adjusted_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
        "hungarian": hungarian_accuracy(clusters, labels),
    }


def reduce(features: np.ndarray, dimensions: int) -> np.ndarray:
    """The first principal components: float32 [N, min(dimensions, N - 1, D)]."""
    x = finite(features, "the feature matrix", least=2).astype(np.float64)
    x = x - x.mean(axis=0)
    _, _, directions = np.linalg.svd(x, full_matrices=False)
    kept = min(dimensions, len(x) - 1, x.shape[1])
    return (x @ directions[:kept].T).astype(np.float32)


def silhouette(features: np.ndarray, labels: np.ndarray, *, limit: int = 5000) -> float:
    """Mean silhouette coefficient (scikit-learn) of the first `limit` examples, in [-1, 1]."""
    from sklearn.metrics import silhouette_score

    features, labels = labelled(features[:limit], labels[:limit], "the clustered split")
    if not 2 <= len(np.unique(labels)) < len(labels):
        raise UserError(
            f"a silhouette needs between 2 and {len(labels) - 1} groups, not "
            f"{len(np.unique(labels))}"
        )
    return float(silhouette_score(features, labels))


class ClusteringResult(NamedTuple):
    """Agreement of clusters with classes, and silhouette coefficients of clusters and classes."""

    clusters: int
    kmeans: dict[str, float]
    agglomerative: dict[str, float] | None
    silhouette: float
    class_silhouette: float


def cluster_features(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    clusters: int | None = None,
    dimensions: int = 50,
    agglomerative_limit: int = 5000,
    seed: int = 0,
) -> ClusteringResult:
    """Clusters features in their leading principal components and compares them with the classes.

    Args:
      features: [N, D].
      labels: int [N]; used for the comparison only.
      clusters: number of clusters; None for the number of classes.
      dimensions: number of principal components kept (Lowe et al. 2024, "An Empirical Study into
        Clustering of Unseen Datasets with Self-Supervised Encoders", also cluster in a reduced
        space).
      agglomerative_limit: number of examples above which hierarchical clustering is skipped.
      seed: seed of k-means.

    Returns:
      The result.

    Raises:
      UserError: invalid arrays, or fewer examples than clusters.
    """
    features, labels = labelled(features, labels, "the clustered split")
    count = len(np.unique(labels)) if clusters is None else clusters
    reduced = reduce(features, dimensions)
    found = kmeans(reduced, count, seed=seed)
    tree = agglomerative(reduced, count) if len(reduced) <= agglomerative_limit else None
    return ClusteringResult(
        clusters=count,
        kmeans=agreement(found.labels, labels),
        agglomerative=None if tree is None else agreement(tree, labels),
        silhouette=silhouette(reduced, found.labels),
        class_silhouette=silhouette(reduced, labels),
    )
