"""Retrieval against plain loops and scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from jssl.errors import UserError
from jssl.evaluation.retrieval import copy_detection, retrieval

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32)[:120], DIGITS.target[:120]
UNIT = X / np.linalg.norm(X, axis=1, keepdims=True)


def test_recall_and_map_are_plain_loops():
    labels = Y.copy()
    labels[7] = 99  # alone in its class: no query
    hits, precisions = {1: 0, 5: 0}, []
    for i in range(120):
        if i == 7:
            continue
        others = np.delete(np.arange(120), i)
        similarity = UNIT[others].astype(np.float64) @ UNIT[i]
        right = labels[others][np.argsort(-similarity, kind="stable")] == labels[i]
        for k in hits:
            hits[k] += right[:k].any()
        precisions.append(average_precision_score(labels[others] == labels[i], similarity))
    found = retrieval(X, labels, ks=(1, 5), block=17)
    assert found["recall@1"] == hits[1] / 119
    assert found["recall@5"] == hits[5] / 119
    assert found["map"] == pytest.approx(np.mean(precisions))


def test_copy_detection_matches_scikit_learn():
    rng = np.random.default_rng(0)
    copies = X[:30] + rng.normal(size=(30, 64)).astype(np.float32) * 3
    found = copy_detection(X[:30], copies, X[30:])
    unit = copies / np.linalg.norm(copies, axis=1, keepdims=True)
    similarity = unit.astype(np.float64) @ UNIT.T.astype(np.float64)
    truth = np.arange(120) == np.arange(30)[:, None]
    expected = average_precision_score(truth.ravel(), similarity.ravel())
    assert found["micro_ap"] == pytest.approx(expected, rel=1e-6)
    assert found["recall@1"] == np.mean(similarity.argmax(axis=1) == np.arange(30))
    assert copy_detection(X[:9], X[:9]) == {"recall@1": 1, "micro_ap": 1}
    same = np.ones((4, 3))
    assert copy_detection(same, same)["recall@1"] == 0  # a tie is no find


def test_impossible_questions_are_sentences():
    with pytest.raises(UserError, match="none of the 5 classes has two examples"):
        retrieval(X[:5], np.arange(5))
    with pytest.raises(UserError, match="needs more than 10 examples"):
        retrieval(X[:9], np.zeros(9, int))
    with pytest.raises(UserError, match="each original needs one copy"):
        copy_detection(X, X[:4])
