import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from jssl.errors import UserError
from jssl.evaluation.regression import regression_probe


def draw(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(1.0, 2.0, size=(count, 6)).astype(np.float32)
    return x, x[:, 0] - x[:, 1] ** 2 / 8 + rng.normal(size=count)


def test_the_probe_is_scikit_learns_ridge_chosen_by_rank():
    parts = [draw(50, 0), draw(30, 1), draw(40, 2)]
    penalties = (0.1, 10.0, 1000.0)
    found = regression_probe(*parts, penalties=penalties, bounds=(0.1, 1000.0))
    mean, spread = parts[0][0].mean(0), parts[0][0].std(0)
    scores = {}
    for penalty in penalties:
        model = Ridge(alpha=penalty).fit((parts[0][0] - mean) / spread, parts[0][1])
        guess = [model.predict((x - mean) / spread) for x, _ in parts]
        rho = [spearmanr(g, y).statistic for g, (_, y) in zip(guess, parts, strict=True)]
        scores[penalty] = rho[1], rho[2], np.mean((guess[2] - parts[2][1]) ** 2)
    best = max(scores, key=lambda p: scores[p][0])
    assert found.penalty == best and found.at_edge
    assert regression_probe(*parts, penalties=penalties).penalty > best
    expected = (found.validation, found.test.rho, found.mse)
    np.testing.assert_allclose(expected, scores[best], rtol=1e-5)
    assert found.test.low < found.test.rho < found.test.high


def test_features_that_say_nothing_score_nothing_and_bad_ones_are_refused():
    y = np.arange(8.0)
    x = np.ones((8, 2))
    assert regression_probe((x, y), (x, y), (x, y)).test.rho == 0.0
    with pytest.raises(UserError, match="finite"):
        regression_probe((x * np.nan, y), (x, y), (x, y))
    with pytest.raises(UserError, match="numbers \\[N\\]"):
        regression_probe((x, y[:3]), (x, y), (x, y))
    with pytest.raises(UserError, match="validation"):
        regression_probe((x, y), (x, y), (x, y), select_on="test")
