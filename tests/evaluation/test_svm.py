"""The linear support-vector machine against scikit-learn's pipeline."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from jssl.errors import UserError
from jssl.evaluation.svm import svm_probe

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target


def test_the_best_on_validation_is_tested():
    train, validation, test = (X[:100], Y[:100]), (X[100:200], Y[100:200]), (X[200:], Y[200:])
    found = svm_probe(train, validation, test, strengths=(1.0, 0.0001, 0.01))
    scores = {}
    for strength in (0.0001, 0.01, 1.0):
        model = make_pipeline(StandardScaler(), SVC(C=strength, kernel="linear")).fit(*train)
        scores[strength] = model.score(*validation), model.score(*test)
    best = max(scores, key=lambda c: scores[c][0])
    assert found.strength == best != 0.0001
    assert (found.validation_top1, found.top1) == pytest.approx(scores[best], abs=0.011)
    # The largest was the best one, so a still larger one was tried, and was no better.
    assert [point["strength"] for point in found.path] == [0.0001, 0.01, 1.0, 10.0]
    assert found.converged and not found.at_edge


def test_impossible_questions_are_sentences():
    split = X[:50], Y[:50]
    with pytest.raises(UserError, match='use select_on="validation"'):
        svm_probe(split, split, split, select_on="test")
    with pytest.raises(UserError, match="positive strengths"):
        svm_probe(split, split, split, strengths=())
