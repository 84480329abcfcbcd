"""Smooth L1 and standardised targets against loops in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.common import standardize
from jssl.objectives.regression import smooth_l1


def numbers(seed: int) -> np.ndarray:
    return 2.0 * np.random.default_rng(seed).normal(size=(3, 2, 5))


def reference_smooth_l1(prediction: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    losses = np.zeros(prediction.shape[:-1])
    for index in np.ndindex(losses.shape):
        for x, y in zip(prediction[index], target[index], strict=True):
            size = abs(x - y)
            losses[index] += size * size / (2 * beta) if size < beta else size - beta / 2
        losses[index] /= prediction.shape[-1]
    return losses


def reference_standardize(x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    out = np.zeros_like(x)
    for index in np.ndindex(x.shape[:-1]):
        row = x[index]
        mean = sum(row) / len(row)
        variance = sum((row - mean) ** 2) / len(row)
        out[index] = (row - mean) / (variance + epsilon) ** 0.5
    return out


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_smooth_l1_with_gradients(beta: float) -> None:
    check(
        functools.partial(smooth_l1, beta=beta),
        functools.partial(reference_smooth_l1, beta=beta),
        numbers(0),
        numbers(1),
    )


def test_smooth_l1_closed_forms() -> None:
    zero = jnp.zeros((1, 4))
    np.testing.assert_allclose(smooth_l1(zero + 0.1, zero), 0.005, rtol=1e-6)
    np.testing.assert_allclose(smooth_l1(zero - 3.0, zero), 2.5, rtol=1e-6)
    np.testing.assert_allclose(smooth_l1(zero + 3.0, zero, beta=2.0), 2.0, rtol=1e-6)
    slope = jax.grad(lambda x: smooth_l1(x, zero).sum())(zero + 1e3)
    np.testing.assert_allclose(slope, 0.25, rtol=1e-6)


def test_standardize_with_gradients() -> None:
    weights = numbers(5)
    check(
        lambda x: standardize(x) * jnp.asarray(weights, jnp.float32),
        lambda x: reference_standardize(x) * weights,
        numbers(4) + 1.0,
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    x, y = (jnp.asarray(numbers(seed) * scale, dtype) for seed in (0, 1))
    assert is_finite(smooth_l1, x, y)
    assert not np.isnan(standardize(x)).any()
    assert smooth_l1(x, y).dtype == standardize(x).dtype == jnp.float32


def test_shapes_are_checked() -> None:
    with pytest.raises(AssertionError, match="different shapes"):
        smooth_l1(jnp.zeros((2, 3)), jnp.zeros((3, 2)))
