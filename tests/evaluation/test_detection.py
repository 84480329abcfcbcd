"""Out-of-distribution scores, group gaps and risks against scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.covariance import EmpiricalCovariance
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from jssl.errors import UserError
from jssl.evaluation.detection import (
    auroc,
    group_gaps,
    knn_score,
    mahalanobis_score,
    rotation_score,
)
from jssl.evaluation.few_label import stratified_subset
from jssl.evaluation.risk import alignment_distance, decompose_risk, memorisation

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target
X = X + np.random.default_rng(1).normal(size=X.shape).astype(np.float32)
TRAIN, TEST, FOREIGN = X[Y < 5][:300], X[Y < 5][300:500], X[Y >= 5][:150]
LABELS = Y[Y < 5][:300]


def test_auroc_matches_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    known, foreign = rng.integers(0, 9, 40), rng.integers(2, 12, 30)
    truth = np.r_[np.zeros(40), np.ones(30)]
    expected = roc_auc_score(truth, np.r_[known, foreign])
    assert auroc(known, foreign) == pytest.approx(expected)
    assert auroc([0, 1], [2, 3]) == 1
    assert auroc([1, 1], [1]) == 0.5
    with pytest.raises(UserError, match="not 2 and 0"):
        auroc([0, 1], [])
    with pytest.raises(UserError, match="finite"):
        auroc([0, np.nan], [1])


def test_scores_match_scikit_learn_and_find_the_foreign():
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (TRAIN, TEST, FOREIGN)]
    model = NearestNeighbors(n_neighbors=10).fit(unit[0])
    for part, queries in zip((TEST, FOREIGN), unit[1:], strict=True):
        expected = model.kneighbors(queries)[0][:, -1]
        np.testing.assert_allclose(knn_score(TRAIN, part, k=10), expected, atol=1e-4)
    means = np.stack([TRAIN[c == LABELS].mean(axis=0) for c in range(5)])
    inner = TRAIN - means[LABELS]
    shared = EmpiricalCovariance(assume_centered=True).fit(inner.astype(np.float64))
    expected = np.min([shared.mahalanobis(TEST - mean) for mean in means], axis=0)
    found = mahalanobis_score(TRAIN, TEST, LABELS)
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    plain = EmpiricalCovariance().fit(TRAIN.astype(np.float64)).mahalanobis(TEST)
    np.testing.assert_allclose(mahalanobis_score(TRAIN, TEST), plain, rtol=1e-3)
    assert auroc(found, mahalanobis_score(TRAIN, FOREIGN, LABELS)) > 0.8
    assert auroc(knn_score(TRAIN, TEST), knn_score(TRAIN, FOREIGN)) > 0.7
    with pytest.raises(UserError, match="k = 301 neighbours"):
        knn_score(TRAIN, TEST, k=301)


def test_rotation_score_adds_up_the_right_answers():
    table = np.log(np.full((2, 4, 4), 0.1) + 0.6 * np.eye(4))
    table[1] = np.log(0.25)
    known, foreign = rotation_score(table)
    assert known == pytest.approx(-4 * np.log(0.7))
    assert foreign == pytest.approx(-4 * np.log(0.25))
    with pytest.raises(UserError, match=r"takes \[Q, 4, 4\]"):
        rotation_score(table[:, :3])


def test_group_gaps_are_means():
    found = group_gaps([True, False, True, True, False], ["a", "a", "b", "b", "b"])
    assert found["groups"]["b"] == {"top1": pytest.approx(2 / 3), "size": 3}
    assert (found["worst"], found["best"]) == (0.5, pytest.approx(2 / 3))
    assert found["gap"] == pytest.approx(1 / 6)
    with pytest.raises(UserError, match="an outcome and a group"):
        group_gaps([True], ["a", "b"])


def test_risk_parts_match_scikit_learn_and_add_up():
    train, test = (X[:600], Y[:600]), (X[600:1000], Y[600:1000])
    found = decompose_risk(train, test, supervised_error=0.01, strength=0.01, held_out=0.2)
    assert sum(found[:4]) == pytest.approx(found.total)
    back = round(0.2 * np.bincount(Y[:600]).min())
    held = stratified_subset(Y[:600], back, seed=0, draw=0)
    rest = np.setdiff1d(np.arange(600), held)

    def error(rows, x, y):
        scaler = StandardScaler().fit(X[rows].astype(np.float64))
        model = LogisticRegression(C=0.01, tol=1e-6, max_iter=5000)
        return 1 - model.fit(scaler.transform(X[rows]), Y[rows]).score(scaler.transform(x), y)

    everything = error(np.arange(600), *train)
    assert found.usability == pytest.approx(everything - 0.01, abs=0.004)
    seen_apart = error(rest, X[held], Y[held])
    assert found.probe_generalisation == pytest.approx(seen_apart - everything, abs=0.012)
    assert found.total == pytest.approx(error(rest, *test), abs=0.006)
    with pytest.raises(UserError, match="supervised_error is 2"):
        decompose_risk(train, test, supervised_error=2, strength=1)
    few = X[:12], np.arange(12) % 10
    with pytest.raises(UserError, match="smallest class has 1"):
        decompose_risk(few, few, supervised_error=0, strength=1)


def test_memorisation_is_the_change_of_alignment():
    rng = np.random.default_rng(0)
    views = rng.normal(size=(6, 4, 5))
    unit = views / np.linalg.norm(views, axis=2, keepdims=True)
    expected = [
        np.mean([np.linalg.norm(v[i] - v[j]) for i in range(4) for j in range(4) if i != j])
        for v in unit
    ]
    np.testing.assert_allclose(alignment_distance(views), expected)
    remembered = views.copy()
    remembered[2] = views[2, :1]  # all views of one example agree once it was trained on
    scores = memorisation(remembered, views)
    assert scores[2] == 1
    assert np.all(np.delete(scores, 2) == 0)
    assert np.all(memorisation(views, views) == 0)
    with pytest.raises(UserError, match="the same views"):
        memorisation(views, views[:3])
    with pytest.raises(UserError, match="two views"):
        memorisation(views[:, :1], views[:, :1])
