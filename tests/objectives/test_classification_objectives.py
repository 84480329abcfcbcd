"""Cross-entropies and places against loops in float64."""

import functools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import agree, check, is_finite

from jssl.objectives.classification import (
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    smoothed_places,
    soft_cross_entropy,
)

LABELS = np.array([[0, 3, 1], [2, 2, 0]])


def logits(seed: int = 0) -> np.ndarray:
    return 3.0 * np.random.default_rng(seed).normal(size=(2, 3, 4))


def targets(seed: int = 1) -> np.ndarray:
    positive = np.random.default_rng(seed).uniform(0.1, 1.0, size=(2, 3, 4))
    return positive / positive.sum(-1, keepdims=True)


def reference_soft(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    losses = np.zeros(logits.shape[:-1])
    for index in np.ndindex(losses.shape):
        total = math.log(sum(math.exp(x) for x in logits[index]))
        pairs = zip(targets[index], logits[index], strict=True)
        losses[index] = -sum(t * (x - total) for t, x in pairs)
    return losses


def reference_hard(logits: np.ndarray, labels: np.ndarray, smoothing: float) -> np.ndarray:
    classes = logits.shape[-1]
    soft = np.full(logits.shape, smoothing / classes)
    for index in np.ndindex(labels.shape):
        soft[(*index, labels[index])] += 1.0 - smoothing
    return reference_soft(logits, soft)


@pytest.mark.parametrize("smoothing", [0.0, 0.8])
def test_cross_entropy_with_gradients(smoothing: float) -> None:
    check(
        functools.partial(cross_entropy, labels=jnp.asarray(LABELS), smoothing=smoothing),
        functools.partial(reference_hard, labels=LABELS, smoothing=smoothing),
        logits(),
    )


def test_soft_cross_entropy_with_gradients() -> None:
    check(soft_cross_entropy, reference_soft, logits(), targets())


def test_constant_logits_cost_the_logarithm_of_the_classes() -> None:
    flat = jnp.full((2, 3, 4), 7.0)
    for smoothing in (0.0, 0.8):
        np.testing.assert_allclose(
            cross_entropy(flat, jnp.asarray(LABELS), smoothing=smoothing), math.log(4), rtol=1e-6
        )
    np.testing.assert_allclose(soft_cross_entropy(flat, jnp.asarray(targets())), math.log(4), 1e-6)


def test_label_without_a_class_is_noticed() -> None:
    loss = cross_entropy(jnp.zeros((4, 3)), jnp.array([2, 3, -1, 0]), smoothing=0.5)
    np.testing.assert_array_equal(np.isnan(loss), [False, True, True, False])


def test_binary_cross_entropy() -> None:
    yes = np.random.default_rng(2).random((2, 3, 4))

    def reference(logits: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-logits))
        return -(yes * np.log(p) + (1 - yes) * np.log(1 - p))

    check(lambda x: binary_cross_entropy(x, jnp.asarray(yes)), reference, logits())
    np.testing.assert_array_equal(binary_cross_entropy(jnp.array([1e30, -1e30]), True)[0], 0.0)


def test_accuracy() -> None:
    scores = jnp.array([[0.0, 2.0, 1.0], [5.0, 1.0, 2.0]])
    np.testing.assert_array_equal(accuracy(scores, jnp.array([1, 2])), [1.0, 0.0])


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_smoothed_places(sigma: float) -> None:
    grid = np.array([(i, j) for i in range(3) for j in range(2)], np.float64)
    expected = np.zeros((6, 6))
    for i, j in np.ndindex(6, 6):
        expected[i, j] = math.exp(-((grid[i] - grid[j]) ** 2).sum() / sigma**2)
    expected /= expected.sum(1, keepdims=True)
    agree(smoothed_places(jnp.asarray(grid), sigma), expected)


def test_no_smoothing_is_one_hot() -> None:
    np.testing.assert_array_equal(smoothed_places(jnp.arange(12.0).reshape(6, 2), 0.0), np.eye(6))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    x = jnp.asarray(logits() * scale, dtype)
    assert is_finite(lambda x: cross_entropy(x, jnp.asarray(LABELS), smoothing=0.1), x)
    assert is_finite(lambda x: binary_cross_entropy(x, jnp.asarray(LABELS[..., None] > 1)), x)
    assert is_finite(lambda x: soft_cross_entropy(x, jnp.asarray(targets(), jnp.float32)), x)
    assert cross_entropy(x, jnp.asarray(LABELS)).dtype == jnp.float32
