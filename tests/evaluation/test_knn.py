"""kNN against scikit-learn and a plain loop, and its refusals."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from jssl.errors import UserError
from jssl.evaluation.knn import knn_accuracy, knn_predict, neighbours
from jssl.training.sharding import make_mesh

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target + 3  # labels need not start at 0
BANK, LABELS, QUERIES, TRUTH = X[:600], Y[:600], X[600:750], Y[600:750]


def test_matches_scikit_learn_on_digits_for_several_k():
    predicted = knn_predict(BANK, LABELS, QUERIES, ks=(1, 20, 50), temperature=0.07)
    assert list(predicted) == [1, 20, 50]
    for k, labels in predicted.items():
        reference = KNeighborsClassifier(
            k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
        ).fit(BANK, LABELS)
        assert (labels == reference.predict(QUERIES)).mean() > 0.99  # ties at float32 rounding
        accuracy = knn_accuracy(BANK, LABELS, QUERIES, TRUTH, ks=(k,))[k]
        assert accuracy == pytest.approx((labels == TRUTH).mean())
        assert accuracy > 0.8


def test_blocks_change_nothing_and_find_the_nearest():
    bank, queries = BANK[:101], QUERIES[:33]
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (bank, queries)]
    similarity = unit[1] @ unit[0].T
    expected = -np.sort(-similarity, axis=1)[:, :7]
    for blocks in ({}, {"query_block": 8, "bank_block": 10}, {"bank_block": 3}):
        found, position = neighbours(bank, queries, 7, **blocks)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(
            np.take_along_axis(similarity, position, axis=1), expected, atol=1e-6
        )


def test_a_bank_spread_over_the_mesh_is_the_same_bank():
    mesh = make_mesh(8)
    alone = neighbours(BANK[:101], QUERIES[:33], 7)
    for blocks in ({}, {"query_block": 8, "bank_block": 9}):
        spread = neighbours(BANK[:101], QUERIES[:33], 7, mesh=mesh, **blocks)
        np.testing.assert_allclose(spread[0], alone[0], atol=1e-6)
        assert (spread[1] == alone[1]).mean() > 0.99  # ties at float32 rounding
    few = neighbours(BANK[:5], QUERIES[:3], 5, mesh=mesh)  # devices without an entry
    assert (np.sort(few[1], axis=1) == np.arange(5)).all()
    one, eight = (knn_accuracy(BANK, LABELS, QUERIES, TRUTH, mesh=m) for m in (None, mesh))
    assert one[20] == pytest.approx(eight[20], abs=0.007)


def test_weights_decide_the_vote():
    bank = np.array([[1, 0], [0.6, 0.8], [0.6, -0.8]], np.float32)
    labels, query = np.array([7, 9, 9]), np.array([[1, 0.0]], np.float32)
    # Weights exp(1/t) against 2 exp(0.6/t): equal at t = 0.4 / log 2 = 0.577.
    assert knn_predict(bank, labels, query, ks=(3,), temperature=0.5)[3] == [7]
    assert knn_predict(bank, labels, query, ks=(3,), temperature=0.65)[3] == [9]
    # exp(1 / 0.001) overflows float64: only differences of similarity may enter.
    assert knn_predict(bank, labels, query, ks=(3,), temperature=0.001)[3] == [7]


def test_impossible_questions_are_sentences():
    with pytest.raises(UserError, match=r"k = 20 neighbours .* bank of 9"):
        knn_accuracy(BANK[:9], LABELS[:9], QUERIES, LABELS[:1].repeat(150))
    broken = BANK.copy()
    broken[[3, 5], 0] = np.nan
    with pytest.raises(UserError, match="bank has 2 of 600 feature vectors"):
        knn_predict(broken, LABELS, QUERIES)
    with pytest.raises(UserError, match="query set has 2 of 600"):
        knn_predict(BANK, LABELS, broken)
    with pytest.raises(UserError, match="all 600 training labels are 4"):
        knn_predict(BANK, np.full(600, 4), QUERIES)
    with pytest.raises(UserError, match="class 99 is to be predicted but has no training"):
        knn_accuracy(BANK, LABELS, QUERIES, np.full(len(QUERIES), 99))
    with pytest.raises(UserError, match="dimension 64 and the queries of dimension 5"):
        knn_predict(BANK, LABELS, QUERIES[:, :5])
    with pytest.raises(UserError, match="temperature"):
        knn_predict(BANK, LABELS, QUERIES, temperature=0)
    with pytest.raises(UserError, match="integer labels"):
        knn_predict(BANK, LABELS.astype(float), QUERIES)
