"""Masks of varying size: counts, padding, shares."""

import functools

import jax
import numpy as np
import pytest

from jssl.augmentations.mask_varying import varying_mask
from jssl.errors import UserError


@pytest.mark.parametrize("blocks", [True, False])
def test_hidden_tokens_come_first_and_counts_vary(blocks: bool) -> None:
    sampler = functools.partial(varying_mask, grid=(8, 8), blocks=blocks)
    keys = jax.random.split(jax.random.key(0), 400)
    drawn = jax.tree.map(np.asarray, jax.jit(jax.vmap(sampler))(keys))
    counts = drawn["mask"].sum(axis=1)
    assert drawn["masked"].shape == (400, 32)
    for mask, masked, count in zip(drawn["mask"], drawn["masked"], counts, strict=True):
        assert set(masked[:count]) == set(np.flatnonzero(mask))
        assert len(set(masked)) == 32
    whole = counts == 0
    assert 0.4 < whole.mean() < 0.6
    assert counts[~whole].min() >= 6
    assert counts.max() <= 32
    assert counts[~whole].max() > 28
    assert abs(counts[~whole].mean() / 64 - 0.3) < 0.03


def test_arguments_are_checked() -> None:
    with pytest.raises(UserError, match="smallest, largest"):
        varying_mask(jax.random.key(0), grid=(4, 4), ratio=(0.5, 0.1))
