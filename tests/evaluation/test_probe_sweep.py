"""The sweep against a plain NumPy loop, against itself one by one, and what it may look at."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jssl.errors import UserError
from jssl.evaluation.arrays import FeatureSplits
from jssl.evaluation.probe_sweep import Sweep, normalise, sweep_probes, train_one, train_stack
from jssl.training.optim import Optimizer

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32) / 16, DIGITS.target
SPLITS = FeatureSplits((X[:300], Y[:300]), (X[300:400], Y[300:400]), (X[400:600], Y[400:600]))
SWEEP = Sweep(learning_rates=(0.1, 1.0), weight_decays=(0.0, 0.01), batch_size=64, epochs=3, seed=1)


def softmax_gradient(x, y, w, b):
    logits = x @ w + b
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return x.T @ p / len(y), p.mean(axis=0)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_one_probe_is_momentum_sgd_written_out(batch_norm):
    import jax

    found = train_one(X[:300], Y[:300], 10, SWEEP, 0.1, 0.01, batch_norm=batch_norm)
    w, b = np.zeros((64, 10)), np.zeros(10)
    speed_w, speed_b = np.zeros_like(w), np.zeros_like(b)
    steps, step = 3 * 4, 0
    for epoch in range(3):
        key = jax.random.fold_in(jax.random.key(1), epoch)
        order = np.asarray(jax.random.permutation(key, 300))
        for start in range(0, 256, 64):
            chosen = order[start : start + 64]
            x = X[chosen].astype(np.float64)
            if batch_norm:
                x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-6)
            grad_w, grad_b = softmax_gradient(x, Y[chosen], w, b)
            rate = 0.1 * 64 / 256 * 0.5 * (1 + np.cos(np.pi * step / steps))
            speed_w, speed_b = 0.9 * speed_w + grad_w + 0.01 * w, 0.9 * speed_b + grad_b
            w, b = w - rate * speed_w, b - rate * speed_b
            step += 1
    np.testing.assert_allclose(found[0], w, atol=1e-5)
    np.testing.assert_allclose(found[1], b, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "lars"])
def test_all_at_once_equals_one_by_one(optimizer):
    sweep = dataclasses.replace(SWEEP, optimizer=Optimizer(optimizer))
    stack = np.stack([X[:300], normalise("standardise", X[:300])(X[:300])])
    weights, biases = train_stack(stack, Y[:300], 10, sweep)
    for v in range(2):
        for s, (rate, decay) in enumerate(zip(*sweep.grid(), strict=True)):
            alone = train_one(stack[v], Y[:300], 10, sweep, rate, decay)
            np.testing.assert_allclose(weights[v, s], alone[0], atol=2e-5)
            np.testing.assert_allclose(biases[v, s], alone[1], atol=2e-5)


def test_chooses_on_validation_and_tests_once():
    narrow = FeatureSplits(*((x[:, :20], y) for x, y in SPLITS))
    sweep = dataclasses.replace(SWEEP, norms=("none", "standardise", "l2", "batch"))
    found = sweep_probes({"all": SPLITS, "few": narrow}, sweep)
    assert len(found.settings) == 2 * 4 * 4
    best = max(s["validation_top1"] for s in found.settings)
    assert found.validation_top1 == best > 0.8
    assert found.chosen["representation"] == "all"
    first = next(s for s in found.settings if s["validation_top1"] == best)
    assert found.chosen == {k: v for k, v in first.items() if k != "validation_top1"}
    final = normalise(found.chosen["norm"], X[:300])
    seen = X[:300] if found.chosen["norm"] == "batch" else final(X[:300])
    rates = found.chosen["learning_rate"], found.chosen["weight_decay"]
    w, b = train_one(seen, Y[:300], 10, sweep, *rates, batch_norm=found.chosen["norm"] == "batch")
    again = (final(X[400:600]) @ w + b).argmax(axis=1)
    assert found.top1 == pytest.approx((again == Y[400:600]).mean(), abs=0.0051)
    shuffled = SPLITS._replace(test=(X[400:600], np.random.default_rng(0).permutation(Y[400:600])))
    other = sweep_probes(
        {"all": shuffled, "few": narrow._replace(test=(X[400:600, :20], shuffled.test[1]))}, sweep
    )
    assert other.chosen == found.chosen
    assert other.top1 < 0.3


def test_impossible_sweeps_are_sentences():
    for change, sentence in (
        ({"select_on": "test"}, "would choose on the very examples"),
        ({"norms": ("l3",)}, "unknown norm 'l3'"),
        ({"learning_rates": ()}, "learning_rates is"),
        ({"learning_rates": (0.0,)}, "learning_rates is"),
        ({"epochs": 0}, "epochs is 0"),
    ):
        with pytest.raises(UserError, match=sentence):
            sweep_probes({"all": SPLITS}, dataclasses.replace(SWEEP, **change))
    with pytest.raises(UserError, match="no representation"):
        sweep_probes({}, SWEEP)
    with pytest.raises(UserError, match="validation labels of 'b' differ"):
        other = SPLITS._replace(validation=(X[300:400], Y[301:401]))
        sweep_probes({"a": SPLITS, "b": other}, SWEEP)
    with pytest.raises(UserError, match="the sizes 64, 64, 9"):
        sweep_probes({"a": SPLITS._replace(test=(X[400:600, :9], Y[400:600]))}, SWEEP)
    with pytest.raises(UserError, match="of 'a' has 1 of 300 feature vectors that hold NaN"):
        broken = X[:300].copy()
        broken[0, 0] = np.nan
        sweep_probes({"a": SPLITS._replace(train=(broken, Y[:300]))}, SWEEP)
