import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.nn.dense import Dense, product


def _round(x):
    """NumPy's view of rounding to bfloat16, in float64."""
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32), np.float64)


def test_float32_layer_equals_numpy_for_any_leading_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    layer = Dense(6)
    y, variables = layer.init_with_output(jax.random.key(0), jnp.asarray(x))
    params = variables["params"]
    params = {"kernel": params["kernel"], "bias": jnp.arange(6.0)}
    y = layer.apply({"params": params}, x)
    assert y.shape == (2, 3, 4, 6)
    np.testing.assert_allclose(y, x @ np.asarray(params["kernel"]) + np.arange(6), atol=1e-5)


def test_bfloat16_layer_rounds_operands_sums_in_float32_and_rounds_the_result():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 256)).astype(np.float32)
    kernel = rng.standard_normal((256, 8)).astype(np.float32)
    bias = rng.standard_normal(8).astype(np.float32)
    y = Dense(8, dtype="bfloat16").apply({"params": {"kernel": kernel, "bias": bias}}, x)
    exact = _round(x) @ _round(kernel) + bias
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(y, np.float64), exact, rtol=2**-8)


def test_bfloat16_gradients_round_the_cotangent_and_keep_each_dtype():
    rng = np.random.default_rng(2)
    a = jnp.asarray(rng.standard_normal((64, 8)), jnp.bfloat16)
    b = jnp.asarray(rng.standard_normal((8, 4)), jnp.float32)
    dy = jnp.asarray(rng.standard_normal((64, 4)), jnp.float32)
    y, back = jax.vjp(lambda a, b: product(a, b, "bfloat16"), a, b)
    da, db = back(dy)
    assert (y.dtype, da.dtype, db.dtype) == (jnp.float32, jnp.bfloat16, jnp.float32)
    np.testing.assert_allclose(db, _round(a).T @ _round(dy), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        np.asarray(da, np.float64), _round(dy) @ _round(b).T, rtol=2**-7, atol=1e-2
    )
    assert np.abs(np.asarray(db) - np.asarray(a, np.float64).T @ np.asarray(dy)).max() > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_product_batches_under_vmap_and_over_leading_axes(dtype):
    rng = np.random.default_rng(3)
    a = jnp.asarray(rng.standard_normal((3, 2, 4, 5)), jnp.float32)
    b = jnp.asarray(rng.standard_normal((3, 2, 5, 6)), jnp.float32)

    def gradient(a, b):
        return jax.grad(lambda b: jnp.sum(jnp.sin(product(a, b, dtype))))(b)

    np.testing.assert_allclose(
        product(a, b, dtype), jax.vmap(lambda a, b: product(a, b, dtype))(a, b), atol=1e-6
    )
    np.testing.assert_allclose(gradient(a, b), jax.vmap(gradient)(a, b), atol=1e-6)


def test_unknown_initialiser_is_named():
    with pytest.raises(UserError, match="did you mean 'xavier'"):
        Dense(2, kernel_init="xavierr").init(jax.random.key(0), jnp.ones((1, 2)))
