"""Label-free metrics against plain loops and cases with a known answer."""

import itertools
import math

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jssl.errors import UserError
from jssl.evaluation import labelfree
from jssl.evaluation.correlation import spearman

RNG = np.random.default_rng(0)
X = load_digits().data[:120]
X = X + 0.01 * RNG.normal(size=X.shape)
VIEWS = X[:40, None, :12] + RNG.normal(size=(40, 5, 12))


def covariance_eigenvalues(x):
    mean = sum(x) / len(x)
    total = sum(np.outer(row - mean, row - mean) for row in x)
    return np.linalg.eigvalsh(total / (len(x) - 1))[::-1]


def test_spectral_metrics_are_their_formulas():
    values = covariance_eigenvalues(X)
    np.testing.assert_allclose(labelfree.eigenvalues(X), values, rtol=1e-6, atol=1e-9)
    slope = np.polyfit(np.log(np.arange(1, 65)), np.log(values), 1)[0]
    assert labelfree.alpha_req(X) == pytest.approx(-slope)
    part = np.polyfit(np.log(np.arange(5, 21)), np.log(values[4:20]), 1)[0]
    assert labelfree.alpha_req(X, first=5, last=20) == pytest.approx(-part)
    assert labelfree.nesum(X) == pytest.approx(sum(values) / values[0])
    singular = np.linalg.svd(X)[1]
    assert labelfree.stable_rank(X) == pytest.approx(np.sum(X**2) / singular[0] ** 2)


def test_spectral_metrics_where_the_answer_is_known():
    orthogonal = np.linalg.qr(RNG.normal(size=(200, 200)))[0][:, :50]
    orthogonal -= orthogonal.mean(axis=0)
    basis = np.linalg.qr(orthogonal)[0]  # 50 centred directions of equal length
    assert labelfree.nesum(basis) == pytest.approx(50)
    assert labelfree.stable_rank(basis) == pytest.approx(50)
    law = basis * np.arange(1, 51) ** -0.7  # eigenvalues rank ** -1.4
    assert labelfree.alpha_req(law) == pytest.approx(1.4)
    line = np.outer(np.arange(1, 9.0), np.ones(3))
    assert labelfree.nesum(line) == pytest.approx(1)
    assert labelfree.stable_rank(line) == pytest.approx(1)
    assert labelfree.nesum(np.ones((5, 3))) == 1
    assert labelfree.stable_rank(np.zeros((5, 3))) == 1


def test_lidar_is_its_definition():
    n, q, d = VIEWS.shape
    means = [sum(v) / q for v in VIEWS]
    mean = sum(means) / n
    between = sum(np.outer(m - mean, m - mean) for m in means) / n
    within = sum(
        np.outer(v[j] - m, v[j] - m) for v, m in zip(VIEWS, means, strict=True) for j in range(q)
    )
    within = within / (n * q) + 1e-4 * np.eye(d)
    values = np.linalg.eigvals(np.linalg.solve(within, between)).real
    p = values / values.sum() + 1e-7
    assert labelfree.lidar(VIEWS) == pytest.approx(math.exp(-sum(p * np.log(p))), rel=1e-6)
    # Means on the corners of a simplex, isotropic noise: all directions count alike.
    corners = np.repeat(np.eye(6)[:, None], 4, axis=1) * 9
    noise = np.concatenate([RNG.normal(size=(6, 2, 6))] * 2, axis=1)
    noise[:, 2:] *= -1
    assert labelfree.lidar(corners + 1e-9 * noise) == pytest.approx(5, rel=1e-3)
    assert labelfree.lidar(np.ones((4, 3, 5))) == pytest.approx(1, rel=1e-4)


def test_alignment_and_uniformity_are_plain_loops():
    a, b = VIEWS[:, 0], VIEWS[:, 1]
    z = [[v / np.linalg.norm(v) for v in part] for part in (a, b)]
    pairs = [np.linalg.norm(p - q) ** 2 for p, q in zip(*z, strict=True)]
    assert labelfree.alignment(a, b) == pytest.approx(sum(pairs) / len(pairs))
    potential = [math.exp(-2 * np.sum((p - q) ** 2)) for p, q in itertools.combinations(z[0], 2)]
    expected = math.log(sum(potential) / len(potential))
    assert labelfree.uniformity(a) == pytest.approx(expected)
    assert labelfree.uniformity(a, block=7) == pytest.approx(expected)
    assert labelfree.alignment(a, a) == 0
    assert labelfree.uniformity(np.eye(2)) == pytest.approx(-4)  # squared distance 2, t = 2


def test_intrinsic_dimension_finds_the_plane():
    rng = np.random.default_rng(1)
    plane = rng.uniform(size=(1500, 2)) @ rng.normal(size=(2, 30))
    assert labelfree.intrinsic_dimension(plane) == pytest.approx(2, abs=0.15)
    total = 0
    for i, x in enumerate(X):
        near = sorted(np.linalg.norm(x - other) for j, other in enumerate(X) if j != i)
        total += math.log(near[1] / near[0])
    assert labelfree.intrinsic_dimension(X) == pytest.approx(len(X) / total)
    twins = np.concatenate([X, X[:3]])
    assert np.isfinite(labelfree.intrinsic_dimension(twins))


def test_augmentation_radius_is_a_plain_loop():
    labels = np.arange(40) % 3
    worst = 0
    for value in range(3):
        part = VIEWS[labels == value]
        radii = []
        for x in part:
            near = sorted(
                min(np.linalg.norm(p - q) for p in x for q in y) if y is not x else 0.0
                for y in part
            )
            radii.append(near[math.ceil(0.8 * len(part)) - 1])
        worst = max(worst, min(radii))
    assert labelfree.augmentation_radius(VIEWS, labels, share=0.8) == pytest.approx(worst)
    with pytest.raises(UserError, match="share in"):
        labelfree.augmentation_radius(VIEWS, labels, share=0)


def test_spearman_matches_scipy_and_its_interval_covers():
    from scipy import stats

    x = np.round(RNG.normal(size=30), 1)  # with ties
    y = x + np.round(RNG.normal(size=30), 1)
    found = spearman(x, y)
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.low < found.rho < found.high
    spread = math.sqrt((1 + found.rho**2 / 2) / 27) * 1.959964
    assert math.atanh(found.high) - math.atanh(found.low) == pytest.approx(2 * spread)
    assert spearman([1, 2, 3, 4], [2, 4, 6, 8]) == (1, 1, 1, 4)
    inside = 0
    for _ in range(300):  # independent pairs: the interval holds 0 in about 95 % of the cases
        pair = spearman(*RNG.normal(size=(2, 25)))
        inside += pair.low <= 0 <= pair.high
    assert 0.9 < inside / 300 < 0.99
    with pytest.raises(UserError, match="four pairs"):
        spearman([1, 2, 3], [1, 2, 3])
    with pytest.raises(UserError, match="constant"):
        spearman([1, 1, 1, 1], [1, 2, 3, 4])
    with pytest.raises(UserError, match="diverged"):
        spearman([1, np.nan, 1, 1], [1, 2, 3, 4])


def test_impossible_questions_are_sentences():
    broken = X.copy()
    broken[4] = np.nan
    for metric in (
        labelfree.alpha_req,
        labelfree.nesum,
        labelfree.stable_rank,
        labelfree.uniformity,
        labelfree.intrinsic_dimension,
    ):
        with pytest.raises(UserError, match="1 of 120 feature vectors"):
            metric(broken)
        with pytest.raises(UserError, match=r"must be \[N, D\]"):
            metric(X[0])
    with pytest.raises(UserError, match="at least 2 are needed"):
        labelfree.uniformity(X[:1])
    with pytest.raises(UserError, match="at least two eigenvalues"):
        labelfree.alpha_req(np.ones((5, 3)))
    with pytest.raises(UserError, match="no intrinsic dimension"):
        labelfree.intrinsic_dimension(np.ones((5, 3)))
    with pytest.raises(UserError, match="two views at least"):
        labelfree.lidar(VIEWS[:, :1])
    with pytest.raises(UserError, match="the shapes"):
        labelfree.alignment(X, X[:, :3])
