import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.nn.attention import Attention, cudnn_fits


def _reference(x, context, params, heads, mask=None):
    """Multi-head attention one head and one query at a time."""
    x, context = np.asarray(x, np.float64), np.asarray(context, np.float64)
    width = x.shape[-1]

    def dense(name, value):
        layer = params[name]
        return value @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"])

    if "qkv" in params:
        q, k, v = np.split(dense("qkv", x), 3, axis=-1)
    else:
        q = dense("query", x)
        k, v = np.split(dense("key_value", context), 2, axis=-1)
    out = np.zeros_like(q)
    maps = np.zeros((x.shape[0], heads, x.shape[1], context.shape[1]))
    size = width // heads
    for b in range(x.shape[0]):
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            for n in range(x.shape[1]):
                scores = k[b, :, part] @ q[b, n, part] / np.sqrt(size)
                if mask is not None:
                    scores = np.where(mask[b], scores, -np.inf)
                weights = np.exp(scores - scores.max())
                weights /= weights.sum()
                maps[b, h, n] = weights
                out[b, n, part] = weights @ v[b, :, part]
    return dense("out", out), maps


@pytest.mark.parametrize("cross", [False, True])
def test_equals_a_reference_with_and_without_mask(cross):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((2, 5, 8)), jnp.float32)
    context = jnp.asarray(rng.standard_normal((2, 7, 6)), jnp.float32) if cross else None
    layer = Attention(heads=2)
    params = layer.init(jax.random.key(0), x, context)["params"]
    params = jax.tree.map(lambda p: p + 0.1, params)  # so that the biases matter
    looked = x if context is None else context
    mask = np.array(rng.random((2, looked.shape[1])) > 0.4)
    mask[:, 0] = True
    for hidden in (None, mask):
        broadcast = None if hidden is None else jnp.asarray(hidden)[:, None, None, :]
        y, weights = layer.apply({"params": params}, x, context, mask=broadcast, return_map=True)
        expected, maps = _reference(x, looked, params, 2, hidden)
        np.testing.assert_allclose(y, expected, atol=1e-5)
        np.testing.assert_allclose(weights, maps, atol=1e-5)
    assert layer.apply({"params": params}, x, context)[1] is None


def test_bfloat16_stays_close():
    x = jnp.asarray(np.random.default_rng(1).standard_normal((2, 5, 16)), jnp.float32)
    layer = Attention(heads=2)
    (y, _), variables = layer.init_with_output(jax.random.key(0), x)
    low, weights = layer.clone(dtype="bfloat16").apply(variables, x, return_map=True)
    assert low.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(low, np.float32), y, atol=0.05)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_mistakes_are_said():
    x = jnp.ones((1, 2, 8))
    with pytest.raises(UserError, match="3 heads do not divide a width of 8"):
        Attention(heads=3).init(jax.random.key(0), x)
    with pytest.raises(UserError, match="did you mean 'cudnn'"):
        Attention(heads=2, implementation="cuddn").init(jax.random.key(0), x)


def test_fused_attention_is_for_gpus_only():
    if jax.default_backend() != "gpu":
        assert not cudnn_fits("bfloat16", 64, False)
