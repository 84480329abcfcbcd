"""k-means against scikit-learn, agreement against its definitions."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from sklearn.cluster import KMeans as Reference
from sklearn.datasets import load_digits, make_blobs

from jssl.errors import UserError
from jssl.evaluation import labelfree
from jssl.evaluation.clustering import agreement, cluster_features, kmeans, reduce, silhouette

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32)[:300], DIGITS.target[:300]


def test_kmeans_is_as_good_as_scikit_learn():
    found = kmeans(X + 1000.0, 10, restarts=8)  # far from the origin, where float32 is coarse
    reference = Reference(10, n_init=8, random_state=0).fit(X)
    assert found.inertia == pytest.approx(reference.inertia_, rel=0.02)
    distances = np.linalg.norm(X[:, None] + 1000.0 - found.centres, axis=2)
    assert (distances.argmin(axis=1) == found.labels).all()
    for c in range(10):  # each centre is the mean of its members: a fixed point of Lloyd's
        np.testing.assert_allclose(
            found.centres[c], X[found.labels == c].mean(axis=0) + 1000.0, atol=1e-3
        )
    again = kmeans(X + 1000.0, 10, restarts=8)
    assert (again.labels == found.labels).all()
    blobs, truth = make_blobs(200, 5, centers=4, cluster_std=0.1, random_state=1)
    assert agreement(kmeans(blobs, 4).labels, truth)["hungarian"] == 1
    assert kmeans(np.ones((6, 2)), 3).inertia == 0  # fewer places than clusters


def entropy(counts):
    n = sum(counts)
    return -sum(c / n * math.log(c / n) for c in counts if c)


def test_agreement_is_its_definitions():
    rng = np.random.default_rng(0)
    truth, clusters = rng.integers(0, 3, 24), rng.integers(0, 4, 24)
    clusters[:12] = truth[:12]
    found = agreement(clusters, truth)
    best = max(
        sum(order[c] == t for c, t in zip(clusters, truth, strict=True))
        for order in itertools.permutations([0, 1, 2, None])
    )
    assert found["hungarian"] == pytest.approx(best / 24)

    pairs = list(itertools.combinations(range(24), 2))
    same = [(clusters[i] == clusters[j], truth[i] == truth[j]) for i, j in pairs]
    both, a, b = (sum(p) for p in zip(*((x and y, x, y) for x, y in same), strict=True))
    expected = a * b / len(pairs)
    assert found["ari"] == pytest.approx((both - expected) / ((a + b) / 2 - expected))

    rows, columns = Counter(clusters), Counter(truth)
    joint = Counter(zip(clusters, truth, strict=True))

    def term(n, a, b):
        return n / 24 * math.log(24 * n / (a * b)) if n else 0.0

    mutual = sum(term(n, rows[c], columns[t]) for (c, t), n in joint.items())
    chance = 0.0
    for a, b in itertools.product(rows.values(), columns.values()):
        for n in range(max(1, a + b - 24), min(a, b) + 1):
            weight = math.comb(b, n) * math.comb(24 - b, a - n) / math.comb(24, a)
            chance += weight * term(n, a, b)
    mean = (entropy(rows.values()) + entropy(columns.values())) / 2
    assert found["ami"] == pytest.approx((mutual - chance) / (mean - chance))


def test_features_of_clear_classes_cluster_into_them():
    blobs, truth = make_blobs(150, 20, centers=5, cluster_std=0.3, random_state=2)
    found = cluster_features(blobs, truth, dimensions=4)
    assert found.clusters == 5
    assert found.kmeans["hungarian"] == found.agglomerative["hungarian"] == 1
    assert found.silhouette == found.class_silhouette > 0.8
    assert cluster_features(blobs, truth, agglomerative_limit=10).agglomerative is None
    reduced = reduce(blobs, 4)
    centred = blobs - blobs.mean(axis=0)
    values = np.linalg.eigvalsh(np.cov(centred.T))[::-1]
    np.testing.assert_allclose(reduced.var(axis=0, ddof=1), values[:4], rtol=1e-4)


def test_cluster_learnability_is_a_plain_loop():
    found = labelfree.cluster_learnability(X[:80], clusters=5, neighbours=1, seed=3)
    labels = kmeans(X[:80].astype(np.float64), 5, seed=3).labels
    order = np.random.default_rng(3).permutation(80)
    right = 0
    for t in range(1, 80):
        seen = order[:t]
        near = seen[np.argmin([np.linalg.norm(X[order[t]] - X[s]) for s in seen])]
        right += labels[near] == labels[order[t]]
    assert found == pytest.approx(right / 79)


def test_impossible_questions_are_sentences():
    with pytest.raises(UserError, match="300 examples cannot form 301 clusters"):
        kmeans(X, 301)
    broken = X.copy()
    broken[0, 0] = np.inf
    with pytest.raises(UserError, match="1 of 300 feature vectors"):
        kmeans(broken, 3)
    with pytest.raises(UserError, match="3 cluster numbers cannot be compared with 300"):
        agreement(np.zeros(3, int), Y)
    with pytest.raises(UserError, match="between 2 and 299 groups"):
        silhouette(X, np.zeros(300, int))
    with pytest.raises(UserError, match="3 examples cannot form 9"):
        cluster_features(X[:3], Y[:3], clusters=9)
