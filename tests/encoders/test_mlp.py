import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders import MLP
from jssl.errors import UserError


def test_any_input_is_flattened_and_every_layer_is_named():
    x = np.random.default_rng(0).random((6, 4, 5, 2)).astype(np.float32)
    encoder = MLP(hidden=(16, 8), norm="none")
    features, variables = encoder.init_with_output(jax.random.key(0), jnp.asarray(x), train=True)
    h = x.reshape(6, -1)
    for i in range(2):
        h = np.maximum(h @ np.asarray(variables["params"][f"dense{i}"]["kernel"]), 0)
        np.testing.assert_allclose(features.extras[f"layer{i}"], h, atol=1e-5)
    np.testing.assert_array_equal(features.pooled, features.extras["layer1"])
    assert features.tokens is None
    assert "batch_stats" not in variables


def test_bfloat16_and_batch_norm():
    x = jnp.asarray(np.random.default_rng(1).random((6, 4)), jnp.float32)
    features, variables = MLP(hidden=(8,), dtype="bfloat16").init_with_output(
        jax.random.key(0), x, train=True
    )
    assert features.pooled.dtype == jnp.bfloat16
    assert set(variables["batch_stats"]) == {"norm0"}
    with pytest.raises(UserError, match="did you mean 'relu'"):
        MLP(activation="rel").init(jax.random.key(0), x, train=True)
