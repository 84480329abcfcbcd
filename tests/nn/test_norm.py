import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.nn.norm import batch_norm, l2_normalize, layer_norm, normalize


def test_batch_norm_uses_the_batch_then_the_running_averages():
    x = np.random.default_rng(0).normal(3, 2, (4, 5, 6, 7)).astype(np.float32)
    layer = batch_norm(train=True)
    variables = layer.init(jax.random.key(0), x)
    y, moved = layer.apply(variables, x, mutable=["batch_stats"])
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5), atol=1e-4)
    stats = moved["batch_stats"]
    np.testing.assert_allclose(stats["mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * var, rtol=1e-5)
    y = batch_norm(train=False).apply({**variables, **moved}, x)
    expected = (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * var + 1e-5)
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_batch_norm_statistics_of_bfloat16_inputs_are_float32():
    x = jnp.asarray(np.random.default_rng(1).normal(5, 1, (512, 3)), jnp.bfloat16)
    layer = batch_norm(train=True, dtype="bfloat16")
    y, variables = layer.init_with_output(jax.random.key(0), x)
    _, moved = layer.apply(variables, x, mutable=["batch_stats"])
    mean = np.asarray(x, np.float64).mean(0)
    np.testing.assert_allclose(moved["batch_stats"]["mean"], 0.1 * mean, rtol=1e-5)
    assert y.dtype == jnp.bfloat16
    assert moved["batch_stats"]["mean"].dtype == jnp.float32


def test_options_decide_the_parameters():
    x = jnp.ones((2, 3))
    assert "params" not in batch_norm(train=True, scale=False, shift=False).init(
        jax.random.key(0), x
    )
    params = batch_norm(train=True, zero_init=True).init(jax.random.key(0), x)["params"]
    assert np.all(params["scale"] == 0)
    assert set(layer_norm(shift=False).init(jax.random.key(0), x)["params"]) == {"scale"}
    with pytest.raises(UserError, match="did you mean 'batch'"):
        normalize(x, "batchnorm", train=True)


def test_l2_normalize_has_unit_norm_and_a_finite_gradient_at_zero():
    x = jnp.asarray(np.random.default_rng(2).standard_normal((3, 4)), jnp.float32).at[1].set(0)
    y = l2_normalize(x)
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), [1, 0, 1], atol=1e-6)
    assert np.all(np.isfinite(jax.grad(lambda x: jnp.sum(l2_normalize(x) * 2))(x)))
