"""Linear and few-label probes against independent solutions, and what they may look at."""

import math

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from jssl.core.intervals import mean_interval
from jssl.errors import UserError
from jssl.evaluation import logistic
from jssl.evaluation.few_label import (
    few_label_probe,
    fraction_probe,
    fraction_subset,
    stratified_subset,
)
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.logistic import Scaler, fit_path
from jssl.evaluation.strengths import BOUNDS, STRENGTHS

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target
TRAIN, VALIDATION, TEST = (X[:400], Y[:400]), (X[400:600], Y[400:600]), (X[600:900], Y[600:900])
SOLVER = {"max_iterations": 1000, "tolerance": 1e-4}


def test_linear_probe_matches_scikit_learn_by_hand():
    strengths = (10.0, 0.01, 0.1, 1e-4, 1.0)
    result = linear_probe(TRAIN, VALIDATION, TEST, strengths=strengths)
    scaler = StandardScaler().fit(TRAIN[0].astype(np.float64))
    x, v, t = (scaler.transform(split[0]) for split in (TRAIN, VALIDATION, TEST))
    models = {
        c: LogisticRegression(C=c, tol=1e-6, max_iter=5000).fit(x, TRAIN[1])
        for c in sorted(strengths)
    }
    scores = {c: m.score(v, VALIDATION[1]) for c, m in models.items()}
    assert [p["strength"] for p in result.path] == sorted(strengths)
    for point in result.path:  # one example of 200 may sit on a boundary
        assert point["validation_top1"] == pytest.approx(scores[point["strength"]], abs=0.0051)
        assert point["converged"]
    assert result.validation_top1 == max(p["validation_top1"] for p in result.path)
    assert result.top1 == pytest.approx(models[result.strength].score(t, TEST[1]), abs=0.0067)
    assert not result.at_edge


def test_choice_reads_validation_alone_and_refit_uses_both():
    result = linear_probe(TRAIN, VALIDATION, TEST)
    shuffled = TEST[0], np.random.default_rng(0).permutation(TEST[1])
    other = linear_probe(TRAIN, VALIDATION, shuffled)
    assert (other.strength, other.path) == (result.strength, result.path)
    assert other.top1 < 0.3 < 0.8 < result.top1
    both = linear_probe(TRAIN, VALIDATION, TEST, refit="train+validation")
    assert both.strength == result.strength
    assert both.top1 > result.top1  # half as many labels again
    with pytest.raises(UserError, match='select_on="validation"'):
        linear_probe(TRAIN, VALIDATION, TEST, select_on="test")
    with pytest.raises(UserError, match="unknown select_on 'valid'"):
        linear_probe(TRAIN, VALIDATION, TEST, select_on="valid")
    with pytest.raises(UserError, match="unknown refit rule"):
        linear_probe(TRAIN, VALIDATION, TEST, refit="all")


def test_two_classes_have_an_area_under_the_curve():
    assert linear_probe(TRAIN, VALIDATION, TEST, strengths=(0.01,)).auc is None
    splits = [(x, (y > 4).astype(int)) for x, y in (TRAIN, VALIDATION, TEST)]
    found = linear_probe(*splits, strengths=(0.01,))
    scaler = StandardScaler().fit(splits[0][0].astype(np.float64))
    model = LogisticRegression(C=0.01, tol=1e-6, max_iter=5000)
    model.fit(scaler.transform(splits[0][0]), splits[0][1])
    # Two weights that are each other's opposite, as here, take twice the penalty of one.
    wanted = roc_auc_score(splits[2][1], model.decision_function(scaler.transform(TEST[0])))
    assert found.auc == pytest.approx(wanted, abs=0.005)


def test_the_grid_is_extended_and_limits_are_reported():
    splits = TRAIN, VALIDATION, TEST
    low = linear_probe(*splits, strengths=(1e-5, 1e-4))
    tried = [point["strength"] for point in low.path]
    assert tried[:3] == [1e-5, 1e-4, 1e-3] and not low.at_edge
    assert low.strength == pytest.approx(1e-4 * 10 ** (len(tried) - 3))  # all but the last
    assert low.validation_top1 >= linear_probe(*splits).validation_top1 - 0.01
    bound = linear_probe(*splits, strengths=(1e-5, 1e-4), bounds=(1e-6, 1e-3))
    assert bound.at_edge and bound.strength == 1e-3
    fixed = linear_probe(*splits, strengths=(1e-6,), max_iterations=1)
    assert len(fixed.path) == 1 and not fixed.at_edge
    assert not fixed.converged


@pytest.mark.parametrize("small", [1 << 20, 0])
def test_fit_is_the_optimum_also_with_more_dimensions_than_examples(small, monkeypatch):
    monkeypatch.setattr(logistic, "SMALL", small)  # 0: the float32 path of large problems
    rng = np.random.default_rng(0)
    for n, d in ((40, 5), (12, 30)):
        x = rng.normal(size=(n, d)).astype(np.float32)
        y = np.arange(n) % 3
        (fit,) = fit_path(x, y, [0.5], max_iterations=1000, tolerance=1e-5 if small else 1e-4)
        assert fit.converged

        def loss(flat, x=x, y=y, d=d):
            weights, bias = flat[: 3 * d].reshape(d, 3), flat[3 * d :]
            logits = x @ weights + bias
            picked = logits[np.arange(len(y)), y]
            log_sum = np.log(np.exp(logits).sum(axis=1))
            return 0.5 * (log_sum - picked).sum() + 0.5 * (weights**2).sum()

        found = loss(np.concatenate([fit.weights.ravel(), fit.bias]).astype(np.float64))
        best = optimize.minimize(loss, np.zeros(3 * d + 3), tol=1e-10).fun
        assert found == pytest.approx(best, rel=1e-4)
    (binary,) = fit_path(x, np.arange(12) % 2, [100.0], **SOLVER)
    np.testing.assert_array_equal(binary.predict(x), np.arange(12) % 2)


def test_correlated_features_take_few_iterations():
    rng = np.random.default_rng(0)
    x = (
        rng.normal(size=(300, 40)) @ np.diag(np.logspace(0, -3, 40)) @ rng.normal(size=(40, 40))
    ).astype(np.float32)
    y = (x[:, :3] + 0.9 * rng.normal(size=(300, 3))).argmax(axis=1)
    (fit,) = fit_path(Scaler.fit(x)(x), y, [1.0], **SOLVER)
    plain = LogisticRegression(C=1.0, max_iter=5000).fit(Scaler.fit(x)(x), y)
    assert fit.converged
    assert fit.iterations < plain.n_iter_[0] / 2


def test_dependent_features_are_fitted_at_every_strength(monkeypatch):
    monkeypatch.setattr(logistic, "SMALL", 0)  # float32, as for large problems
    rng = np.random.default_rng(0)
    y = np.arange(300) % 10
    x = rng.normal(size=(300, 32)) + rng.normal(size=(10, 32))[y]
    x = (x @ rng.normal(size=(32, 250))).astype(np.float32)  # as of images that were enlarged
    ends = [BOUNDS[0], *STRENGTHS, BOUNDS[1]]
    for fit in fit_path(Scaler.fit(x)(x), y, ends, **SOLVER):
        assert fit.converged
    assert fit.accuracy(Scaler.fit(x)(x), y) == 1


def test_scaler_leaves_constant_dimensions_at_zero():
    x = np.array([[1, 1000.1, 0], [3, 1000.1, 0]], np.float32)
    np.testing.assert_allclose(Scaler.fit(x)(x), [[-1, 0, 0], [1, 0, 0]], atol=1e-3)


def test_few_labels_are_stratified_seeded_and_shared():
    subset = stratified_subset(Y, 5, seed=0, draw=1)
    assert np.bincount(Y[subset]).tolist() == [5] * 10
    assert len(set(subset)) == 50
    np.testing.assert_array_equal(subset, stratified_subset(Y, 5, seed=0, draw=1))
    assert set(subset) != set(stratified_subset(Y, 5, seed=0, draw=2))
    assert set(subset) != set(stratified_subset(Y, 5, seed=1, draw=1))
    with pytest.raises(UserError, match=r"class 0 has \d+ training examples, too few for 500"):
        stratified_subset(Y, 500, seed=0, draw=0)


def test_few_label_probe_averages_its_draws():
    results = few_label_probe(TRAIN, VALIDATION, TEST, per_class=(1, 10), draws=4)
    assert results[1].mean < results[10].mean
    for result in results.values():
        assert result.mean == pytest.approx(np.mean(result.draws))
        low, high = stats.t.interval(0.95, 3, loc=result.mean, scale=stats.sem(result.draws))
        assert (high - low) / 2 == pytest.approx(result.interval)
        assert result.converged
    # The first draw by hand, at the chosen strength.
    subset = stratified_subset(Y[:400], 10, seed=0, draw=0)
    scaler = StandardScaler().fit(TRAIN[0].astype(np.float64))
    model = LogisticRegression(C=results[10].strength, tol=1e-6, max_iter=5000)
    model.fit(scaler.transform(X[subset]), Y[subset])
    assert results[10].draws[0] == pytest.approx(
        model.score(scaler.transform(TEST[0]), TEST[1]), abs=0.0067
    )
    assert math.isnan(mean_interval([0.5])[1])
    with pytest.raises(UserError, match="measure the result"):
        few_label_probe(TRAIN, VALIDATION, TEST, select_on="test")


def test_unfit_splits_are_sentences():
    with pytest.raises(UserError, match="all 400 training labels are 2"):
        linear_probe((TRAIN[0], np.full(400, 2)), VALIDATION, TEST)
    only_some = TRAIN[0][TRAIN[1] != 7], TRAIN[1][TRAIN[1] != 7]
    for probe in (linear_probe, few_label_probe):
        with pytest.raises(UserError, match="class 7 is to be predicted"):
            probe(only_some, VALIDATION, TEST)
    broken = np.full_like(VALIDATION[0], np.inf), VALIDATION[1]
    with pytest.raises(UserError, match="the validation split has 200 of 200"):
        linear_probe(TRAIN, broken, TEST)
    with pytest.raises(UserError, match="positive strengths"):
        linear_probe(TRAIN, VALIDATION, TEST, strengths=())


def test_shares_of_the_labels_are_stratified_and_seeded():
    labels = np.repeat([3, 5, 9], [200, 30, 4])
    subset = fraction_subset(labels, 0.1, seed=0, draw=0)
    assert np.bincount(labels[subset])[[3, 5, 9]].tolist() == [20, 3, 1]  # one at least
    assert len(np.unique(subset)) == len(subset)
    assert (fraction_subset(labels, 0.1, seed=0, draw=0) == subset).all()
    assert (fraction_subset(labels, 0.1, seed=0, draw=1) != subset).any()
    assert len(fraction_subset(labels, 1.0, seed=0, draw=0)) == len(labels)
    with pytest.raises(UserError, match=r"lies in \(0, 1\], but 0 was"):
        fraction_subset(labels, 0, seed=0, draw=0)
    found = fraction_probe(TRAIN, VALIDATION, TEST, fractions=(0.1, 1.0), draws=2)
    assert found[0.1].per_class == pytest.approx(4, abs=0.3)
    assert found[1.0].draws[0] == found[1.0].draws[1]  # all labels: nothing is drawn
    few = few_label_probe(TRAIN, VALIDATION, TEST, per_class=(4,), draws=2)[4]
    assert 0.6 < found[0.1].mean < found[1.0].mean
    assert few.mean == pytest.approx(found[0.1].mean, abs=0.15)
    with pytest.raises(UserError, match='select_on="validation"'):
        fraction_probe(TRAIN, VALIDATION, TEST, select_on="test")
