"""Cosine regression against loops in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.regression import cosine_regression


def reference(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    losses = []
    for p, t in zip(prediction, target, strict=True):
        cosine = sum(p * t) / (sum(p * p) * sum(t * t)) ** 0.5
        losses.append(2 - 2 * cosine)
    return np.array(losses)


def test_equals_the_formula_with_gradients() -> None:
    rng = np.random.default_rng(0)
    check(cosine_regression, reference, rng.normal(size=(5, 4)), rng.normal(size=(5, 4)))


def test_closed_forms() -> None:
    x = jnp.array([[1.0, 2.0, 2.0]])
    side = jnp.array([[0.0, 1.0, -1.0]])
    np.testing.assert_allclose(cosine_regression(x, 5.0 * x), 0.0, atol=1e-12)
    np.testing.assert_allclose(cosine_regression(x, side), 2.0, rtol=1e-6)
    np.testing.assert_allclose(cosine_regression(x, -x), 4.0, rtol=1e-6)
    np.testing.assert_allclose(cosine_regression(x, jnp.zeros((1, 3))), 1.0, rtol=1e-6)


def test_leading_axes_are_kept() -> None:
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 4)), jnp.float32)
    y = jnp.roll(x, 1, axis=0)
    loss = cosine_regression(x, y)
    assert loss.shape == (2, 3)
    np.testing.assert_allclose(loss[1], cosine_regression(x[1], y[1]), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    rng = np.random.default_rng(2)
    p, t = (jnp.asarray(rng.normal(size=(4, 3)) * scale, dtype) for _ in range(2))
    assert is_finite(cosine_regression, p, t)
    assert is_finite(cosine_regression, p, p)
    assert cosine_regression(p, t).dtype == jnp.float32


def test_gradient_reaches_both_sides() -> None:
    rng = np.random.default_rng(3)
    p, t = (jnp.asarray(rng.normal(size=(2, 3)), jnp.float32) for _ in range(2))
    gradients = jax.grad(lambda p, t: jnp.sum(cosine_regression(p, t)), argnums=(0, 1))(p, t)
    assert all(np.abs(g).max() > 0.01 for g in gradients)


def test_shapes_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"\(2, 3\), \(1, 3\)"):
        cosine_regression(jnp.zeros((2, 3)), jnp.zeros((1, 3)))
