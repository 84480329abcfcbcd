import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jssl.errors import UserError
from jssl.nn import conv
from jssl.nn.conv import Conv, conv2d, resolve_padding

pytestmark = pytest.mark.optimised

CASES = [
    # height, width, channels, features, kernel, strides, padding
    (8, 8, 3, 4, (3, 3), 1, 1),
    (7, 9, 2, 3, (3, 3), 2, 1),
    (8, 6, 2, 3, (3, 3), 2, 1),
    (9, 8, 2, 3, (3, 3), 2, "SAME"),
    (8, 7, 2, 3, (3, 3), 1, "SAME"),
    (8, 9, 2, 3, (4, 2), 2, "VALID"),
    (14, 15, 3, 4, (7, 7), 2, 3),
    (6, 7, 3, 5, (1, 1), 1, 0),
    (6, 7, 3, 5, (1, 1), 2, 0),
    (6, 6, 2, 3, (1, 1), 1, 1),  # padding beyond the kernel: the gradient crops
    (9, 10, 2, 3, (3, 5), (2, 3), ((0, 2), (3, 1))),
    (10, 10, 2, 3, (2, 2), 3, "VALID"),  # rows at the end that no window sees
]


def _data(height, width, channels, features, kernel, batch=4):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, height, width, channels)).astype(np.float32)
    k = rng.standard_normal((*kernel, channels, features)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(k)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_and_gradients_equal_the_native_convolution(case, monkeypatch):
    monkeypatch.setattr(conv, "_CACHE_BYTES", 1500)  # so that small batches are walked in pieces
    *sizes, strides, padding = case
    x, k = _data(*sizes)
    pair = (strides, strides) if isinstance(strides, int) else strides
    pads = resolve_padding(padding, x.shape[1:3], k.shape[:2], pair)

    def native(x, k):
        dims = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, k, pair, pads, dimension_numbers=dims)

    def results(f):
        y, back = jax.vjp(f, x, k)
        weights = jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
        return y, *back(weights)

    ours, theirs = jax.jit(
        lambda: (results(lambda x, k: conv2d(x, k, strides, padding)), results(native))
    )()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_value_is_cross_correlation():
    x, k = _data(5, 4, 2, 3, (3, 2))
    y = conv2d(x, k, 1, "VALID")
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(x), (3, 2), axis=(1, 2))
    np.testing.assert_allclose(y, np.einsum("bhwcij,ijcf->bhwf", windows, k), atol=1e-5)


def test_batches_over_kernels_and_inputs():
    x, k = _data(6, 6, 2, 3, (3, 3))
    kernels = jnp.stack([k, 2 * k, k - 1])

    def gradient(x, k):
        return jax.grad(lambda x, k: jnp.sum(jnp.sin(conv2d(x, k, 2, 1))), (0, 1))(x, k)

    together = jax.jit(jax.vmap(gradient, (None, 0)))(x, kernels)
    single = jax.jit(gradient)
    for i in range(3):
        for a, b in zip(together, single(x, kernels[i]), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-4)


def test_gradient_is_chosen_by_the_platform_lowered_for():
    x, k = _data(6, 6, 2, 3, (3, 3))

    def texts(stride):
        traced = jax.jit(jax.grad(lambda k: jnp.sum(conv2d(x, k, stride, 1) ** 2))).trace(k)
        return {p: traced.lower(lowering_platforms=(p,)).as_text() for p in ("cpu", "tpu")}, traced

    for stride, products, plain in ((1, 0, 2), (2, 9, 1)):
        lowered, traced = texts(stride)
        assert lowered["cpu"].count("dot_general") == products
        assert lowered["tpu"].count("dot_general") == 0
        # The back end's fast routine takes this layout alone.
        layout = "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"
        assert lowered["cpu"].count("stablehlo.convolution(") == plain
        assert lowered["cpu"].count(layout) == plain
        assert lowered["tpu"].count("stablehlo.convolution(") == 2
        assert lowered["tpu"].count(layout) == 1
        assert "conditional" not in traced.lower().compile().as_text()  # the choice costs nothing


def test_bfloat16_keeps_a_float32_gradient_for_the_kernel():
    x, k = _data(6, 6, 2, 3, (3, 3))
    y, back = jax.vjp(lambda x, k: conv2d(x, k, 1, 1), x.astype(jnp.bfloat16), k)
    dx, dk = back(jnp.ones_like(y))
    assert (y.dtype, dx.dtype, dk.dtype) == (jnp.bfloat16, jnp.bfloat16, jnp.float32)
    exact = jax.grad(lambda k: jnp.sum(conv2d(x, k, 1, 1)))(k)
    np.testing.assert_allclose(dk, exact, atol=0.3)
    assert np.any(dk != dk.astype(jnp.bfloat16).astype(jnp.float32))


def test_layer_has_groups_and_bias_and_refuses_what_does_not_fit():
    x, _ = _data(6, 6, 4, 1, (1, 1))
    layer = Conv(6, 3, groups=2)
    y, variables = layer.init_with_output(jax.random.key(0), x)
    params = variables["params"]
    assert params["kernel"].shape == (3, 3, 2, 6)
    halves = [
        conv2d(x[..., i : i + 2], params["kernel"][..., j : j + 3]) for i, j in ((0, 0), (2, 3))
    ]
    np.testing.assert_allclose(y, jnp.concatenate(halves, -1), atol=1e-5)
    moved = layer.apply({"params": {**params, "bias": params["bias"] + 2}}, x)
    np.testing.assert_allclose(moved, y + 2, atol=1e-5)
    with pytest.raises(UserError, match="3 groups must divide"):
        Conv(6, 3, groups=3).init(jax.random.key(0), x)
    with pytest.raises(UserError, match=r"must be \[B, H, W, 2\]"):
        conv2d(x, params["kernel"])
    with pytest.raises(UserError, match="unknown padding 'same'"):
        conv2d(x, jnp.zeros((3, 3, 4, 1)), padding="same")
