"""Mask samplers: exact counts, the shapes they promise, and even coverage."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jssl.augmentations.mask_blocks import (
    attention_mask,
    block_mask,
    group_mask,
    inverse_block_mask,
    span_mask,
    tube_mask,
)
from jssl.augmentations.mask_multiblock import multi_block_mask
from jssl.augmentations.masks import hidden_count, random_mask
from jssl.errors import UserError

N = 600
KEYS = jax.random.split(jax.random.key(3), N)
GRID = (12, 14)


def draw(sampler):
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(sampler))(KEYS))


def consistent(mask, tokens, count):
    assert mask["mask"].shape == (N, tokens)
    assert mask["keep"].dtype == mask["masked"].dtype == np.int32
    assert np.all(mask["mask"].sum(1) == count)
    for row in range(0, N, 97):
        np.testing.assert_array_equal(np.flatnonzero(mask["mask"][row]), mask["masked"][row])
        np.testing.assert_array_equal(np.flatnonzero(~mask["mask"][row]), mask["keep"][row])


@pytest.mark.parametrize(
    ("sampler", "tokens", "count"),
    [
        (partial(random_mask, tokens=64, ratio=0.75), 64, 48),
        (partial(block_mask, grid=GRID, ratio=0.4), 168, 68),
        (partial(inverse_block_mask, grid=GRID, ratio=0.8), 168, 135),
        (partial(group_mask, grid=GRID, ratio=0.7), 168, 118),
        (partial(span_mask, tokens=100, ratio=0.5, length=10), 100, 50),
        (partial(tube_mask, frames=4, tokens=49, ratio=0.9), 196, 180),
    ],
)
def test_counts_are_exact_and_all_tokens_are_reached(sampler, tokens, count):
    mask = draw(lambda k: sampler(k))
    consistent(mask, tokens, count)
    share = mask["mask"].mean(0)
    # Blocks reach the border less often than the middle; nothing is spared or always hidden.
    assert share.min() > 0.02
    assert share.max() < 1.0
    if sampler.func is random_mask:
        np.testing.assert_allclose(share, 0.75, atol=0.08)


def pieces(mask):
    return np.array([ndimage.label(m.reshape(GRID))[1] for m in mask])


def test_blocks_hang_together():
    hidden = draw(lambda k: block_mask(k, grid=GRID, ratio=0.4))["mask"]
    shown = draw(lambda k: inverse_block_mask(k, grid=GRID, ratio=0.8))["mask"]
    groups = draw(lambda k: group_mask(k, grid=GRID, ratio=0.3))["mask"]
    scattered = draw(lambda k: random_mask(k, tokens=168, ratio=0.4))["mask"]
    assert pieces(hidden).mean() < 8 < 15 < pieces(scattered).mean()
    assert pieces(~shown).mean() < 8
    assert 3 < pieces(groups).mean() < 15


def test_spans_are_runs_of_the_stated_length():
    mask = draw(lambda k: span_mask(k, tokens=200, ratio=0.2, length=8))["mask"]
    short = 0
    for row in mask:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
        short += np.sum(edges[1::2] - edges[::2] < 8)
    assert short <= N  # only the span that the exact count cuts


def test_tubes_repeat_over_frames():
    mask = draw(lambda k: tube_mask(k, frames=3, tokens=16, ratio=0.5))["mask"].reshape(N, 3, 16)
    assert np.all(mask == mask[:, :1])


def test_attention_hides_what_is_attended():
    scores = jnp.linspace(0, 1, 40)
    high = draw(lambda k: attention_mask(k, scores, ratio=0.25))
    consistent(high, 40, 10)
    assert np.all(high["masked"] >= 30)
    low = draw(lambda k: attention_mask(k, {"attention": scores}, ratio=0.25, hide="low"))
    assert np.all(low["masked"] < 10)
    hint = draw(lambda k: attention_mask(k, scores, ratio=0.25, shown=0.3))
    consistent(hint, 40, 10)
    assert np.all((hint["masked"] >= 30).sum(1) == 7)
    level = draw(lambda k: attention_mask(k, jnp.zeros(40), ratio=0.25))["mask"].mean(0)
    np.testing.assert_allclose(level, 0.25, atol=0.09)


def test_multi_block_context_avoids_targets():
    mask = draw(lambda k: multi_block_mask(k, grid=(14, 14)))
    assert mask["keep"].shape == (N, 49)
    assert mask["targets"].shape[:2] == (N, 4)
    for row in range(N):
        hidden = mask["mask"][row]
        assert not hidden[mask["keep"][row]].any()
        assert hidden[mask["targets"][row]].all()
        assert len(set(mask["keep"][row])) == 49
        for target in mask["targets"][row]:
            inside = np.zeros(196, bool)
            inside[target] = True
            assert ndimage.label(inside.reshape(14, 14))[1] == 1


def test_what_is_cut_from_blocks_is_the_lower_part_or_a_random_one():
    keys = jax.random.split(jax.random.key(3), 2000)
    cut = {}
    for name in ("first", "random"):
        make = partial(multi_block_mask, grid=(8, 8), cut=name)
        mask = cut[name] = jax.tree.map(np.asarray, jax.jit(jax.vmap(make))(keys))
        assert mask["keep"].shape == (2000, 16)
        assert all((np.diff(mask[k], axis=-1) > 0).all() for k in ("keep", "targets"))
        hidden = np.take_along_axis(mask["mask"], mask["keep"], 1)
        assert hidden.mean() < 0.02  # only where the targets leave less than a context
        assert np.take_along_axis(mask["mask"], mask["targets"].reshape(2000, -1), 1).all()
    np.testing.assert_array_equal(cut["first"]["mask"], cut["random"]["mask"])
    rows = {name: np.bincount(m["keep"].ravel() // 8, minlength=8) for name, m in cut.items()}
    assert rows["first"][-1] < 0.05 * rows["first"][0]
    assert rows["random"][-1] > 0.8 * rows["random"][0]
    with pytest.raises(UserError, match="no way to cut"):
        multi_block_mask(keys[0], grid=(8, 8), cut="last")


def test_mistakes_get_a_sentence():
    key = jax.random.key(0)
    assert hidden_count(196, 0.75) == 147
    with pytest.raises(UserError, match="between 0 and 1"):
        random_mask(key, tokens=4, ratio=1.5)
    with pytest.raises(UserError, match="all or nothing"):
        random_mask(key, tokens=4, ratio=0.99)
    with pytest.raises(UserError, match="does not fit"):
        span_mask(key, tokens=4, length=5)
    with pytest.raises(UserError, match="'high' or 'low'"):
        attention_mask(key, jnp.zeros(8), hide="most")
    with pytest.raises(UserError, match="too few"):
        multi_block_mask(key, grid=(14, 14), context=150)
