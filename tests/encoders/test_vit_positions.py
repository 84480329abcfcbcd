"""Dropped positions and restricted attention of a ViT."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.vit import ViT
from jssl.errors import UserError

KEY = jax.random.key(0)
IMAGES = jax.random.normal(KEY, (2, 16, 8, 3))  # 4 x 2 tokens
TINY = ViT(width=16, depth=2, heads=2, patch_size=4)
NONE, ALL = jnp.zeros((2, 8), bool), jnp.ones((2, 8), bool)
FIRST = jnp.arange(8)[None] < jnp.array([[3], [5]])


def with_patch(number: int, value: float) -> jax.Array:
    patches = TINY.patches(IMAGES).at[:, number].set(value)
    return TINY.assemble(patches, IMAGES.shape)


def test_coordinates() -> None:
    expected = [(i, j) for i in range(4) for j in range(2)]
    np.testing.assert_array_equal(TINY.token_coordinates(IMAGES.shape), expected)


@pytest.mark.rotating
def test_unplaced_tokens_do_not_know_where_they_are() -> None:
    variables = TINY.init(KEY, IMAGES, unplaced=NONE, train=False)
    assert variables["params"]["position_token"].shape == (16,)
    encode = jax.jit(lambda x, u: TINY.apply(variables, x, unplaced=u, train=False).tokens)
    plain = jax.jit(lambda x: TINY.apply(variables, x, train=False).tokens)(IMAGES)
    np.testing.assert_allclose(encode(IMAGES, NONE), plain, atol=1e-6)
    order = jnp.array([5, 2, 7, 0, 1, 6, 4, 3])
    shuffled = TINY.assemble(TINY.patches(IMAGES)[:, order], IMAGES.shape)
    np.testing.assert_allclose(encode(shuffled, ALL), encode(IMAGES, ALL)[:, order], atol=1e-5)
    assert np.abs(encode(shuffled, NONE) - plain[:, order]).max() > 1e-2


def test_only_the_context_is_attended_to() -> None:
    variables = TINY.init(KEY, IMAGES, train=False)
    encode = jax.jit(lambda x, c: TINY.apply(variables, x, context=c, train=False).tokens)
    before = encode(IMAGES, FIRST)
    outside, inside = encode(with_patch(7, 3.0), FIRST), encode(with_patch(0, 3.0), FIRST)
    np.testing.assert_array_equal(outside[:, :7], before[:, :7])
    assert np.abs(outside[:, 7] - before[:, 7]).min() > 0
    assert np.abs(inside[:, 7] - before[:, 7]).max() > 1e-3
    everything = jax.jit(lambda x: TINY.apply(variables, x, train=False).tokens)(IMAGES)
    np.testing.assert_allclose(encode(IMAGES, ALL), everything, atol=1e-6)


def test_context_follows_kept_tokens() -> None:
    variables = TINY.init(KEY, IMAGES, train=False)
    keep = jnp.array([[6, 1, 2], [0, 7, 3]])
    run = jax.jit(lambda c: TINY.apply(variables, IMAGES, keep=keep, context=c, train=False).tokens)
    chosen = jnp.zeros((2, 8), bool).at[jnp.arange(2)[:, None], keep].set(True)
    np.testing.assert_allclose(run(chosen), run(ALL), atol=1e-6)


def test_masks_are_checked() -> None:
    with pytest.raises(UserError, match=r"the context must be bool \(2, 8\)"):
        TINY.init(KEY, IMAGES, context=NONE[:, :7], train=False)
