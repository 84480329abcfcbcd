"""The multi-label probe beside scikit-learn, and what it refuses."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score

from jssl.errors import UserError
from jssl.evaluation.multi_label import average_precision, multi_label_probe, rank

NAMES = ("sea", "sun", "wood")


def draws(count, seed, flip=0.1):
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, 6)).astype(np.float32)
    y = (x[:, :3] + 0.3 * x[:, 3:] > [0, 1, -0.5]) ^ (random.random((count, 3)) < flip)
    return x, y.astype(np.uint8)


def test_average_precision_with_equal_scores_and_weights() -> None:
    random = np.random.default_rng(1)
    scores = random.integers(0, 6, 40) / 2  # many are equal
    positive = random.random(40) < 0.3
    weights = random.integers(0, 4, (5, 40)).astype(float)
    found = average_precision(scores, positive, weights)
    expected = [average_precision_score(positive, scores, sample_weight=w) for w in weights]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    both = rank(np.stack([scores - 1, scores], 1), np.stack([positive, positive], 1))
    assert both.precision[0, 0] == pytest.approx(average_precision_score(positive, scores))
    assert both.f1[0, 0] == pytest.approx(f1_score(positive, scores > 1))


def test_it_is_one_logistic_regression_a_label() -> None:
    parts = [draws(n, seed) for n, seed in ((300, 0), (100, 1), (100, 2))]
    found = multi_label_probe(*parts, names=NAMES, strengths=(0.1,))
    (x, y), _, (unseen, true) = parts
    mean, std = x.mean(0), x.std(0)
    precision, f1 = [], []
    for k in range(3):
        own = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit((x - mean) / std, y[:, k])
        scores = own.decision_function((unseen - mean) / std)
        precision.append(average_precision_score(true[:, k], scores))
        f1.append(f1_score(true[:, k], scores > 0))
    assert found.mean_average_precision == pytest.approx(np.mean(precision), abs=2e-3)
    assert found.macro_f1 == pytest.approx(np.mean(f1), abs=0.02)
    assert found.converged and 0.005 < found.precision_interval < 0.1
    assert found.chance == pytest.approx(true.mean())
    assert list(found.by_label) == list(NAMES)


def test_c_is_chosen_on_validation_and_labels_without_examples_are_left_out() -> None:
    (x, y), (held, held_y), test = (draws(n, seed, 0.3) for n, seed in ((60, 0), (400, 1), (50, 2)))
    held_y[:, 2] = 0
    parts = (x, y), (held, held_y), test
    found = multi_label_probe(*parts, names=NAMES)
    best = max(found.path, key=lambda one: one["validation"])
    assert found.strength == best["strength"] and len(found.path) > 1
    assert found.left_out == ("wood",) and set(found.by_label) == {"sea", "sun"}
    again = multi_label_probe(*parts, names=NAMES)
    assert again == found
    other = multi_label_probe((x, y), (held, held_y), (test[0], 1 - test[1]), names=NAMES)
    assert (other.strength, other.validation) == (found.strength, found.validation)
    with pytest.raises(UserError, match="none of the 3 labels has examples with and without it"):
        multi_label_probe((x, y), (held, 0 * held_y), test, names=NAMES)
    with pytest.raises(UserError, match="measure the result"):
        multi_label_probe(*parts, names=NAMES, select_on="test")


def test_a_rare_label_of_a_few_test_examples_has_an_interval() -> None:
    (x, y), validation, (unseen, true) = (draws(n, seed) for n, seed in ((60, 0), (40, 1), (4, 2)))
    true[:] = [[1], [0], [0], [0]]  # many draws of four have none
    parts = (x, y[:, :1]), (validation[0], validation[1][:, :1]), (unseen, true[:, :1])
    found = multi_label_probe(*parts, names=NAMES[:1])
    assert np.isfinite(found.precision_interval) and 0 < found.mean_average_precision <= 1
