"""The layer-weighted probe against scikit-learn and central differences."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.evaluation.layer_weighted import average, layer_solver, layer_weighted_probe, softmax
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.readouts import layer_means

DRAW = np.random.default_rng(0)
LABELS = np.arange(90) % 3
LAYERS = DRAW.normal(size=(90, 3, 5))
LAYERS[:, 1] += 1.2 * np.eye(5)[LABELS]  # the layer in the middle knows


def test_it_is_a_stationary_point_whose_head_is_a_logistic_regression():
    fit = layer_solver(LAYERS, LABELS, tolerance=1e-7)(0.5)
    assert fit.converged
    shares = softmax(fit.scores)
    assert shares.argmax() == 1 and shares[1] > 0.6
    mixed = sum(share * layer for share, layer in zip(shares, LAYERS.swapaxes(0, 1), strict=True))
    model = LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(mixed, LABELS)
    ours, theirs = mixed @ fit.weights + fit.bias, model.decision_function(mixed)
    ours, theirs = (x - x.mean(axis=1, keepdims=True) for x in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)

    def loss(scores):
        logits = average(LAYERS, scores) @ fit.weights + fit.bias
        rows = [np.log(np.exp(row).sum()) - row[y] for row, y in zip(logits, LABELS, strict=True)]
        return np.mean(rows)

    step = 1e-4 * np.eye(3)
    slopes = [(loss(fit.scores + e) - loss(fit.scores - e)) / 2e-4 for e in step]
    np.testing.assert_allclose(slopes, 0.0, atol=1e-5)
    # Better than the best regression on the plain average.
    assert loss(fit.scores) < loss(np.zeros(3))


def test_one_layer_is_the_linear_probe_and_choices_are_made_on_validation():
    noisy = LAYERS + 2.0 * DRAW.normal(size=LAYERS.shape)
    rows = DRAW.permutation(90).reshape(3, 30)
    parts = [(noisy[i, 1:2], LABELS[i]) for i in rows]
    found = layer_weighted_probe(*parts, strengths=(0.01, 1.0))
    expected = linear_probe(*((x[:, 0], y) for x, y in parts), strengths=(0.01, 1.0))
    assert (found.top1, found.validation_top1) == (expected.top1, expected.validation_top1)
    assert found.strength == expected.strength and found.layers == (1.0,)
    with pytest.raises(UserError, match="validation"):
        layer_weighted_probe(*parts, select_on="test")
    with pytest.raises(UserError, match=r"layers \[N, L, D\]"):
        layer_weighted_probe(*((x[:, 0], y) for x, y in parts))


def test_layers_are_means_over_real_places():
    draw = np.random.default_rng(1).normal(size=(4, 2, 4, 3)).astype(np.float32)
    embedding, first, last, tokens = map(jnp.asarray, draw)
    prefix = jnp.full((2, 1, 3), 100.0)
    valid = np.array([[True, True, False, False], [True] * 4])
    extras = {
        "embedding": jnp.concatenate([prefix, embedding], axis=1),
        "block0": jnp.concatenate([prefix, first], axis=1),
        "block1": jnp.concatenate([prefix, last], axis=1),
    }
    features = Features(tokens[:, 0], tokens, extras)
    found = layer_means(features)
    np.testing.assert_allclose(found[:, 1], first.mean(axis=1), atol=1e-6)
    features = Features(tokens[:, 0], tokens, {**extras, "valid": jnp.asarray(valid)})
    found = layer_means(features)
    for row, own in enumerate(valid):
        wanted = [x[row][own].mean(axis=0) for x in (embedding, first, tokens)]
        np.testing.assert_allclose(found[row], wanted, atol=1e-6)
    stages = {"stage1": jnp.zeros((2, 4, 4, 3)), "stage2": jnp.zeros((2, 2, 2, 6))}
    with pytest.raises(UserError, match=r"one width.*3, 6"):
        layer_means(Features(tokens[:, 0], tokens, stages))
