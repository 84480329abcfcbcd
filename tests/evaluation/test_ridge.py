"""The ridge probe against scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from jssl.errors import UserError
from jssl.evaluation.ridge import RidgePath, ridge_probe

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target


@pytest.mark.parametrize("count", [40, 400])  # fewer and more examples than dimensions
def test_matches_scikit_learn(count):
    train, validation, test = (X[:count], Y[:count]), (X[400:600], Y[400:600]), (X[600:], Y[600:])
    penalties = (0.1, 10.0, 1000.0)
    found = ridge_probe(train, validation, test, penalties=penalties)
    scaler = StandardScaler().fit(train[0].astype(np.float64))
    x, v, t = (scaler.transform(split[0].astype(np.float64)) for split in (train, validation, test))
    solver = RidgePath.fit(x, 2.0 * np.eye(10)[train[1]] - 1)
    scores = {}
    for penalty in penalties:
        model = RidgeClassifier(alpha=penalty).fit(x, train[1])
        weights, offset = solver.solve(penalty)
        np.testing.assert_allclose(weights.T, model.coef_, atol=1e-9)
        np.testing.assert_allclose(offset, model.intercept_, atol=1e-9)
        scores[penalty] = model.score(v, validation[1]), model.score(t, test[1])
    for point in found.path:
        assert point["validation_top1"] == pytest.approx(scores[point["penalty"]][0], abs=0.0051)
    assert found.validation_top1 == max(point["validation_top1"] for point in found.path)
    assert found.top1 == pytest.approx(scores[found.penalty][1], abs=0.002)


def test_impossible_questions_are_sentences():
    split = X[:50], Y[:50]
    with pytest.raises(UserError, match='use select_on="validation"'):
        ridge_probe(split, split, split, select_on="test")
    with pytest.raises(UserError, match="positive strengths"):
        ridge_probe(split, split, split, penalties=(0.0,))
    with pytest.raises(UserError, match="a classifier needs two classes"):
        ridge_probe((X[:50], np.zeros(50, int)), split, split)
