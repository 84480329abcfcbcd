import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.video import VideoTransformer
from jssl.errors import UserError
from jssl.nn.pooling import largest
from jssl.testing.quick import quick_compilation

ENCODER = VideoTransformer(
    width=16, depth=1, heads=2, tubelet=2, patch=4, kernel_init="lecun", pool="mean"
)
X = np.random.default_rng(0).normal(size=(2, 4, 8, 12, 3)).astype(np.float32)


def test_tubelets_go_frame_after_frame_and_back():
    patches = np.asarray(ENCODER.patches(jnp.asarray(X)))
    assert patches.shape == (2, 2 * 2 * 3, 2 * 4 * 4 * 3)
    for number, (t, row, column) in enumerate(np.ndindex(2, 2, 3)):
        cube = X[:, 2 * t : 2 * t + 2, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        np.testing.assert_array_equal(patches[:, number], cube.reshape(2, -1))
    np.testing.assert_array_equal(ENCODER.assemble(patches, X.shape), X)
    with pytest.raises(UserError, match="tubelets of 2: the length must be a multiple"):
        ENCODER.patches(X[:, :3])
    with pytest.raises(UserError, match="takes clips"):
        ENCODER.patches(X[:, 0])


def test_only_kept_tubelets_are_seen_and_each_knows_its_place():
    keep = jnp.array([[0, 7], [5, 11]])

    @jax.jit
    def run(x, keep):
        variables = ENCODER.init(jax.random.key(0), x, train=False)
        return ENCODER.apply(variables, x, keep=keep, train=False)

    with quick_compilation():
        found = run(X, keep)
        hidden = X.copy()
        hidden[0, :2, :4, 4:] += 9.0  # tokens 1 and 2 of the first clip
        np.testing.assert_array_equal(run(hidden, keep).tokens, found.tokens)
        hidden[0, 2:, :4, 4:8] += 9.0  # token 7: frame 1, row 0, column 1
        assert np.abs(run(hidden, keep).tokens - found.tokens)[0].max() > 1e-2
        swapped = run(X, keep[:, ::-1])
        np.testing.assert_allclose(swapped.tokens, found.tokens[:, ::-1], atol=1e-5)
        np.testing.assert_allclose(swapped.pooled, found.pooled, atol=1e-5)
        # The same cube at another time is another token.
        flat = run(np.ones_like(X), jnp.array([[0, 6], [0, 1]])).tokens
        assert np.abs(flat[:, 0] - flat[:, 1]).max(axis=1).min() > 1e-2


def test_the_largest_of_real_tokens_has_a_gradient_where_it_is():
    tokens = np.random.default_rng(1).normal(size=(3, 5, 4)).astype(np.float32)
    real = np.arange(5) < np.array([[5], [2], [1]])
    shown = jnp.asarray(real)[..., None]
    found, back = jax.vjp(lambda x: largest(x, 1, shown), jnp.asarray(tokens))
    slope = np.asarray(back(jnp.ones_like(found))[0])
    for row, count in enumerate((5, 2, 1)):
        own = tokens[row, :count]
        np.testing.assert_array_equal(found[row], own.max(axis=0))
        wanted = np.zeros((5, 4), np.float32)
        wanted[own.argmax(axis=0), np.arange(4)] = 1.0
        np.testing.assert_array_equal(slope[row], wanted)
