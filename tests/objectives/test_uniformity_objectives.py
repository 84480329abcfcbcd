"""Regularisers of spread against loops in float64, closed forms and extreme inputs."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite, unit

from jssl.objectives.uniformity import koleo


def reference_koleo(x) -> np.ndarray:
    x = unit(x)
    losses = []
    for i in range(len(x)):
        distances = [math.dist(x[i], x[j]) for j in range(len(x)) if j != i]
        losses.append(-math.log(min(distances)))
    return np.array(losses)


def test_koleo() -> None:
    check(koleo, reference_koleo, np.random.default_rng(0).normal(size=(7, 4)))


def test_koleo_of_corners() -> None:
    np.testing.assert_allclose(koleo(jnp.array([[3.0, 0], [-1.0, 0]])), -math.log(2), rtol=1e-6)
    np.testing.assert_allclose(koleo(2 * jnp.eye(4)), -math.log(2) / 2, rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("x", [jnp.zeros((3, 4)), jnp.ones((3, 4)), 1e4 * jnp.ones((3, 4))])
def test_koleo_of_equal_vectors_is_finite(x: jax.Array, dtype: jnp.dtype) -> None:
    assert is_finite(koleo, x.astype(dtype))


def test_koleo_of_huge_vectors_is_finite() -> None:
    assert is_finite(koleo, 1e30 * jax.random.normal(jax.random.key(0), (4, 3)))


def test_koleo_needs_another_example() -> None:
    with pytest.raises(AssertionError, match="'2' on axis '0'"):
        koleo(jnp.zeros((1, 3)))
