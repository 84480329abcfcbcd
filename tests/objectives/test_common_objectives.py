"""Unit vectors and float32 products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.objectives.common import l2_normalize, matmul


def test_equals_division_by_the_length() -> None:
    x = np.random.default_rng(0).normal(size=(5, 7))
    expected = x / np.sqrt((x**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(l2_normalize(jnp.asarray(x, jnp.float32)), expected, rtol=1e-6)
    along = x / np.sqrt((x**2).sum(axis=0, keepdims=True))
    got = l2_normalize(jnp.asarray(x, jnp.float32), axis=0)
    np.testing.assert_allclose(got, along, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10, 1e30])
def test_length_does_not_matter(scale: float) -> None:
    x = jnp.array([[3.0, -4.0, 0.0], [1.0, 1.0, 1.0]], jnp.float32)
    expected = np.array([[0.6, -0.8, 0.0], [3**-0.5] * 3])
    np.testing.assert_allclose(l2_normalize(x * scale), expected, rtol=1e-6)
    gradient = jax.grad(lambda x: jnp.sum(l2_normalize(x)[:, 0]))(x * scale)
    jacobian = np.array([[0.128, 0.096, 0.0], np.array([2, -1, -1]) / 3**1.5])
    np.testing.assert_allclose(gradient * scale, jacobian, rtol=1e-5, atol=1e-7)


def test_zero_vector_stays_zero_with_zero_gradient() -> None:
    x = jnp.zeros((2, 3))
    assert not np.any(l2_normalize(x))
    assert not np.any(jax.grad(lambda x: jnp.sum(l2_normalize(x)))(x))


def test_bfloat16_is_computed_in_float32() -> None:
    x = jnp.asarray(np.random.default_rng(1).normal(size=(4, 64)), jnp.bfloat16)
    got = l2_normalize(x)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(jnp.sum(got * got, axis=1), 1.0, rtol=1e-6)
    product = matmul(x, x.T)
    wide = np.asarray(x, np.float64)
    assert product.dtype == jnp.float32
    np.testing.assert_allclose(product, wide @ wide.T, rtol=1e-5, atol=1e-5)
