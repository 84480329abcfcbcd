"""Sinkhorn, mean entropy and spherical k-means against loops in float64 and closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import agree, check, is_finite, unit

from jssl.objectives.clustering import cluster_loss, mean_entropy, sinkhorn, spherical_kmeans


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def reference_sinkhorn(scores, temperature, iterations=3) -> np.ndarray:
    q = [[math.exp(value / temperature) for value in row] for row in scores]
    for _ in range(iterations):
        for k in range(len(q[0])):
            total = sum(row[k] for row in q)
            for row in q:
                row[k] /= total
        for row in q:
            total = sum(row)
            row[:] = [value / total for value in row]
    return np.array(q)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_sinkhorn(temperature: float) -> None:
    scores = random(7, 4)
    found = sinkhorn(jnp.asarray(scores, jnp.float32), temperature=temperature)
    agree(found, reference_sinkhorn(scores, temperature))
    assert found.dtype == jnp.float32


def test_sinkhorn_balances_prototypes() -> None:
    scores = jnp.asarray(random(12, 4)) + jnp.array([5.0, 0.0, 0.0, 0.0])
    codes = sinkhorn(scores, temperature=0.5, iterations=50)
    np.testing.assert_allclose(jnp.sum(codes, axis=0), 3.0, rtol=1e-4)
    np.testing.assert_allclose(jnp.sum(codes, axis=1), 1.0, rtol=1e-6)


def test_sinkhorn_leaves_out_examples_of_weight_zero() -> None:
    scores = random(6, 3)
    found = sinkhorn(jnp.asarray(scores), temperature=0.2, weights=jnp.array([1, 0, 1, 1, 0, 1]))
    kept = [0, 2, 3, 5]
    agree(found[np.array(kept)], reference_sinkhorn(scores[kept], 0.2))
    nobody = sinkhorn(jnp.asarray(scores), temperature=0.2, weights=jnp.zeros(6))
    np.testing.assert_allclose(jnp.sum(nobody, axis=1), 1.0, rtol=1e-5)


def test_sinkhorn_weights_are_multiplicities() -> None:
    scores = random(4, 3)
    found = sinkhorn(jnp.asarray(scores), temperature=0.3, weights=jnp.array([2.0, 1, 1, 1]))
    twice = reference_sinkhorn(scores[[0, 0, 1, 2, 3]], 0.3)
    agree(found, twice[1:])


@pytest.mark.parametrize("scores", [jnp.zeros((4, 3)), 1e30 * jnp.asarray(random(4, 3))])
def test_sinkhorn_survives(scores: jax.Array) -> None:
    for dtype in (jnp.float32, jnp.bfloat16):
        codes = jax.jit(sinkhorn)(scores.astype(dtype), temperature=0.05)
        assert np.isfinite(codes).all()
        np.testing.assert_allclose(jnp.sum(codes, axis=1), 1.0, rtol=1e-5)


def test_sinkhorn_has_no_gradient() -> None:
    gradient = jax.grad(lambda s: sinkhorn(s, temperature=0.1)[0, 0])(jnp.asarray(random(4, 3)))
    assert not np.any(gradient)


def test_mean_entropy() -> None:
    p = np.abs(random(5, 4)) + 0.1
    p /= p.sum(axis=1, keepdims=True)

    def reference(p) -> np.ndarray:
        mean = [sum(row[k] for row in p) / len(p) for k in range(p.shape[1])]
        return np.asarray(-sum(value * math.log(value) for value in mean))

    check(mean_entropy, reference, p)
    np.testing.assert_allclose(mean_entropy(jnp.eye(8)), math.log(8), rtol=1e-6)
    assert float(mean_entropy(jnp.eye(4)[jnp.zeros(5, jnp.int32)])) == 0.0
    assert is_finite(mean_entropy, jnp.eye(4)[jnp.zeros(5, jnp.int32)])


def reference_kmeans(x, centroids, weights, iterations) -> tuple[np.ndarray, list[int]]:
    x, centroids = unit(x), unit(centroids)

    def nearest(row) -> int:
        return max(range(len(centroids)), key=lambda k: float(row @ centroids[k]))

    for _ in range(iterations):
        labels = [nearest(row) for row in x]
        for k in range(len(centroids)):
            members = [
                row for row, label, w in zip(x, labels, weights, strict=True) if w and label == k
            ]
            if members:
                centroids[k] = unit(sum(members)[None])[0]
    return centroids, [nearest(row) for row in x]


@pytest.mark.parametrize("chunk", [4, 16384])
def test_spherical_kmeans(chunk: int) -> None:
    x, start = random(23, 3), random(5, 3, seed=1)
    weights = np.random.default_rng(2).random(23) < 0.7
    start[4] = -x[weights].sum(axis=0) * 10 + 0 * start[4]
    arrays = [jnp.asarray(a, jnp.float32) for a in (x, start, weights)]
    centroids, labels = spherical_kmeans(
        arrays[0], arrays[1], weights=arrays[2], iterations=4, chunk=chunk
    )
    expected, expected_labels = reference_kmeans(x, start, weights, 4)
    agree(centroids, expected)
    assert list(labels) == expected_labels
    assert labels.dtype == jnp.int32


def test_spherical_kmeans_finds_clusters_and_survives_zeros() -> None:
    truth = np.arange(40) % 4
    x = np.eye(4)[truth] + 0.05 * random(40, 4)
    _, labels = spherical_kmeans(jnp.asarray(x), jnp.asarray(x[:4]), weights=jnp.ones(40))
    np.testing.assert_array_equal(labels, truth)
    centroids, _ = spherical_kmeans(jnp.zeros((6, 3)), jnp.eye(3), weights=jnp.zeros(6))
    np.testing.assert_array_equal(centroids, jnp.eye(3))


def reference_cluster_loss(embedding, centroids, labels, temperature) -> np.ndarray:
    terms = []
    for crops, label in zip(embedding, labels, strict=True):
        for crop in crops:
            scores = [float(crop @ c) / temperature for c in centroids]
            log_normalizer = math.log(sum(math.exp(score) for score in scores))
            if label >= 0:
                terms.append(log_normalizer - scores[label])
    return np.asarray(sum(terms) / len(terms))


def test_cluster_loss() -> None:
    centroids, labels = unit(random(4, 3, seed=1)), np.array([2, -1, 0, 3])
    check(
        lambda x: cluster_loss(
            x, jnp.asarray(centroids, jnp.float32), jnp.asarray(labels), temperature=0.2
        ),
        lambda x: reference_cluster_loss(x, centroids, labels, 0.2),
        random(4, 3, 3),
    )
    nobody = cluster_loss(jnp.ones((2, 3, 3)), jnp.eye(3), jnp.full(2, -1), temperature=0.1)
    assert float(nobody) == 0.0
    assert is_finite(
        lambda x: cluster_loss(x, jnp.eye(3), jnp.zeros(2, jnp.int32), temperature=0.1),
        1e30 * jnp.asarray(random(2, 3, 3)),
    )
