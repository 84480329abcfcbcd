import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.series import (
    TCN,
    CrossSeriesTransformer,
    JointSeriesTransformer,
    SeriesTransformer,
    dilated,
)
from jssl.errors import UserError
from jssl.testing.quick import quick_compilation

ENCODER = SeriesTransformer(width=8, depth=1, heads=2, patch=4, kernel_init="lecun")
X = jax.random.normal(jax.random.key(0), (2, 12, 3))


@pytest.fixture(scope="module")
def variables():
    return ENCODER.init(jax.random.key(1), X, mask=jnp.zeros((2, 9), bool), train=False)


def test_patches_are_channel_major_and_go_back():
    patches = np.asarray(ENCODER.patches(X))
    for channel in range(3):
        for number in range(3):
            np.testing.assert_array_equal(
                patches[:, channel * 3 + number], X[:, 4 * number : 4 * number + 4, channel]
            )
    np.testing.assert_array_equal(ENCODER.assemble(patches, X.shape), X)
    with pytest.raises(UserError, match="multiple"):
        ENCODER.patches(X[:, :10])


@pytest.mark.rotating
def test_channels_do_not_see_each_other_and_kept_tokens_neither(variables):
    run = jax.jit(lambda x, keep: ENCODER.apply(variables, x, keep=keep, train=False).tokens)
    everything = jnp.broadcast_to(jnp.arange(9), (2, 9))
    whole = ENCODER.apply(variables, X, train=False).tokens
    np.testing.assert_allclose(run(X, everything), whole, atol=1e-5)
    other = X.at[:, :, 1].add(1.0)
    changed = run(other, everything)
    same = np.isclose(changed, whole, atol=1e-5).all(axis=(0, 2))
    np.testing.assert_array_equal(same, [True] * 3 + [False] * 3 + [True] * 3)
    # The same patch in another channel gives the same token: weights and positions are shared.
    equal = jnp.broadcast_to(X[:, :, :1], X.shape)
    tokens = np.asarray(run(equal, everything))
    np.testing.assert_allclose(tokens[:, :3], tokens[:, 3:6], atol=1e-5)


def test_a_joint_patch_holds_all_channels_at_its_time():
    encoder = JointSeriesTransformer(width=8, depth=1, heads=2, patch=4)
    patches = np.asarray(encoder.patches(X))
    for number in range(3):
        wanted = np.asarray(X[:, 4 * number : 4 * number + 4]).reshape(2, -1)
        np.testing.assert_array_equal(patches[:, number], wanted)
    np.testing.assert_array_equal(encoder.assemble(patches, X.shape), X)
    assert encoder.token_positions(X.shape, 8).shape == (3, 8)


def test_crossed_tokens_see_their_channel_and_their_time():
    """Of one block; a register sees all, so that a second block would let all be seen."""
    encoder = CrossSeriesTransformer(
        width=8, depth=1, heads=2, patch=4, registers=1, kernel_init="lecun"
    )
    # Token 4 is channel 1, time 1; 3 is of its channel and 7 of its time, the others of neither.
    keep = jnp.array([[0, 3, 4, 7, 8], [0, 2, 4, 6, 8]])

    @jax.jit
    def run(x):
        key = jax.random.key(1)
        return encoder.init_with_output(key, x, keep=keep, train=False)[0].tokens

    with quick_compilation():
        changed = np.any(run(X.at[:, 4:8, 1].add(1.0)) != run(X), axis=2)
    np.testing.assert_array_equal(changed, [[0, 1, 1, 1, 0], [0, 0, 1, 0, 0]])


def test_what_is_masked_is_not_seen(variables):
    mask = jnp.zeros((2, 9), bool).at[:, 4].set(True)
    run = jax.jit(lambda x: ENCODER.apply(variables, x, mask=mask, train=False).tokens)
    other = X.at[:, 4:8, 1].add(5.0)  # the hidden patch
    np.testing.assert_array_equal(run(X), run(other))
    assert not np.allclose(run(X), run(X.at[:, 0:4, 1].add(5.0)))


def test_a_dilated_convolution_is_the_sum_over_steps_apart():
    kernel = np.random.default_rng(0).normal(size=(3, 1, 2, 4)).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(2, 10, 2)).astype(np.float32)

    def conv(image):
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            image, kernel, (1, 1), "SAME", dimension_numbers=dimensions
        )

    for dilation in (1, 3, 4):
        wanted = np.zeros((2, 10, 4))
        for t in range(10):
            for k in range(3):
                step = t + (k - 1) * dilation
                if 0 <= step < 10:
                    wanted[:, t] += x[:, step] @ kernel[k, 0]
        np.testing.assert_allclose(dilated(conv, jnp.asarray(x), dilation), wanted, atol=1e-5)


def test_tcn_pools_the_maximum_and_refuses_masks():
    encoder = TCN(width=4, depth=1)
    features, _ = encoder.init_with_output(jax.random.key(0), X, train=False)
    assert features.tokens.shape == (2, 12, 4)
    np.testing.assert_array_equal(features.pooled, np.max(features.tokens, axis=1))
    with pytest.raises(UserError, match="no tokens to keep"):
        encoder.init(jax.random.key(0), X, keep=jnp.zeros((2, 1), int), train=False)
