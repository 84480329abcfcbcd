"""How the remaining operations draw: labels, partners, operations of a policy, strengths."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jssl.augmentations import batchwise, erase, labelled, policy, spectrum, tables, tone, warp

N = 3000
KEYS = jax.random.split(jax.random.key(5), N)
TINY = 1e-4  # a true draw fails once in ten thousand


def draw(function):
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(function))(KEYS))


def equally_likely(values, count):
    assert set(np.unique(values)) == set(range(count))
    assert stats.chisquare(np.bincount(np.ravel(values), minlength=count)).pvalue > TINY


def uniform(values, low, high):
    assert stats.kstest(np.ravel(values), stats.uniform(low, high - low).cdf).pvalue > TINY


def test_labels_are_equally_likely():
    square = jnp.arange(36 * 3.0).reshape(6, 6, 3) / 108
    rows = {
        "turns": lambda k: warp.rotate90(k, square)[0, 0, 0],
        "rotate": lambda k: labelled.rotate_labelled(k, square)["label"],
        "lorot": lambda k: labelled.lorot(k, square)["label"],
        "rgb": lambda k: labelled.permute_rgb(k, square)["label"],
        "jigsaw": lambda k: labelled.jigsaw(k, square, permutations=20)["label"],
    }
    found = draw(lambda k: {name: row(k) for name, row in rows.items()})
    corners = {round(float(square[r, c, 0]), 5): i for i, (r, c) in enumerate(np.ndindex(6, 6))}
    seen = np.array([corners[round(float(v), 5)] for v in found["turns"]])
    equally_likely(np.searchsorted([0, 5, 30, 35], seen), 4)
    for name, count in (("rotate", 4), ("lorot", 16), ("rgb", 6), ("jigsaw", 20)):
        equally_likely(found[name], count)


def test_tiles_are_cut_anywhere_in_their_cell():
    # Two bright pixels at different heights name the row of the cut, whatever the normalisation.
    image = jnp.zeros((12, 12, 1)).at[1::4, 1::4].set(1.0)
    tiles = draw(lambda k: labelled.jigsaw_tiles(k, image, permutations=5, gap=1)["image"])
    at = tiles.reshape(N, 9, 9).argmax(-1)
    equally_likely(at // 3, 2)
    equally_likely(at % 3, 2)
    assert abs(np.corrcoef((at // 3)[:, 0], (at // 3)[:, 1])[0, 1]) < 0.08


def test_policies_choose_operations_signs_and_steps(monkeypatch):
    def spy(image, operation, strength, **settings):
        return jnp.stack([operation, strength])[None, None]

    monkeypatch.setattr(policy, "transform", spy)
    image = jnp.zeros((4, 4, 3))
    chosen = draw(lambda k: policy.rand_augment(k, image, layers=1, magnitude=9)[0, 0])
    equally_likely(chosen[:, 0].astype(int), 14)
    np.testing.assert_allclose(np.abs(chosen[:, 1]), 0.3, atol=1e-6)
    assert abs(np.mean(chosen[:, 1] > 0) - 0.5) < 0.04
    chosen = draw(lambda k: policy.trivial_augment(k, image)[0, 0])
    equally_likely(chosen[:, 0].astype(int), 14)
    equally_likely(np.round(np.abs(chosen[:, 1]) * 30).astype(int), 31)
    moved = chosen[chosen[:, 1] != 0, 1]
    assert abs(np.mean(moved > 0) - 0.5) < 0.04
    assert abs(np.corrcoef(chosen[:, 0], chosen[:, 1])[0, 1]) < 0.08


def test_strengths_angles_and_chances():
    point = jnp.full((3, 3, 1), 0.4).at[1, 1].set(0.6)
    # The centre is blended with its smoothed value: 0.4 + 0.2 * 5 / 13 at a factor of 0.
    smooth = 0.4 + 0.2 * 5 / 13
    sharp = draw(lambda k: tone.sharpness(k, point, factor=(0.5, 1.5))[1, 1, 0])
    uniform((sharp - smooth) / (0.6 - smooth), 0.5, 1.5)
    blank = jnp.zeros((20, 20, 1))
    warps = draw(
        lambda k: warp.affine(k, blank, degrees=(-30, 10), shear=(-20, 5), with_warp=True)[1]
    )
    forward = np.linalg.inv(warps)
    uniform(np.rad2deg(np.arctan2(forward[:, 1, 0], forward[:, 0, 0])), -30, 10)
    # A shear along x leaves the first axis and moves the second by minus its tangent along it.
    along = np.sum(forward[:, :2, 0] * forward[:, :2, 1], axis=1)
    uniform(-np.rad2deg(np.arctan(along)), -20, 5)
    grey = jnp.zeros((4, 4, 1)).at[0, 0].set(1.0)
    kept = draw(lambda k: spectrum.mask_frequencies(k, grey, radius=1.5, low_p=0.3)["mask"][0, 0])
    assert abs(np.mean(~kept) - 0.3) < 0.04
    holes = draw(lambda k: erase.random_erasing(k, jnp.zeros((8, 8, 1)), value="noise")[..., 0])
    written = holes[holes != 0]
    assert stats.kstest(written, stats.norm.cdf).statistic < 0.02
    assert 0.02 < np.mean(holes != 0) < 0.33


def test_columns_and_the_rows_they_come_from():
    # Entry (i, c) holds its row's number, so that a corrupted one names where it came from.
    rows = {"b": jnp.broadcast_to(jnp.arange(6.0)[:, None], (6, 5))}
    found = draw(lambda k: tables.corrupt_columns(k, rows, rate=0.4)["b"])
    foreign = found[:, 2] != 2  # of the two replaced, one in six comes from the row itself
    assert np.all(foreign.sum(axis=1) <= 2)
    equally_likely(np.where(foreign)[1], 5)
    sources = found[:, 2][foreign].astype(int)
    equally_likely(np.where(sources > 2, sources - 1, sources), 5)
    assert abs(foreign.mean() - 0.4 * 5 / 6) < 0.01


def test_any_column_may_be_in_any_group():
    row = {"column": jnp.broadcast_to(jnp.arange(1, 7), (1, 3, 6))}
    cut = partial(tables.partition_columns, views={"row": row}, columns=6, name="row", overlap=0.0)
    found = draw(lambda k: cut(k, shuffle=True)["row"]["column"])[:, 0]  # [N, groups, cells]
    assert np.all(np.count_nonzero(found, axis=2) == 2)
    for group in range(3):
        cells = found[:, group]
        equally_likely(cells[cells > 0] - 1, 6)
    pairs = np.sort(found[:, 0], axis=1)[:, -2:]
    equally_likely(np.unique(pairs, axis=0, return_inverse=True)[1], 15)


@pytest.mark.rotating
def test_partners_shares_and_sources():
    views = {"a": jnp.zeros((N, 2, 2, 1)), "b": jnp.zeros((N, 2, 2, 1))}
    key = KEYS[0]
    wide = {"a": jnp.zeros((N, 40, 60, 1))}
    share = np.asarray(jax.jit(lambda k: batchwise.cutmix(k, wide)["cutmix"]["share"])(key))
    rng = np.random.default_rng(0)
    expected = []
    for kept in rng.beta(1.0, 1.0, N):
        side, (y, x) = np.sqrt(1 - kept), (rng.integers(40), rng.integers(60))
        h, w = int(40 * side) // 2, int(60 * side) // 2
        top, bottom, left, right = max(y - h, 0), min(y + h, 40), max(x - w, 0), min(x + w, 60)
        expected.append(1 - (bottom - top) * (right - left) / 2400)
    assert stats.ks_2samp(share, expected).pvalue > TINY
    many = draw(lambda k: batchwise.mix_views(k, jax.tree.map(lambda v: v[:5], views))["mixed"])
    assert stats.kstest(many["share"][:, 0], stats.beta(1, 1).cdf).pvalue > TINY
    assert np.all(np.sort(many["partner"], 1) == np.arange(5))
    equally_likely(many["partner"][:, 2], 5)
    order = np.asarray(jax.jit(lambda k: batchwise.mixup(k, views)["mixup"]["partner"])(key))
    np.testing.assert_array_equal(np.sort(order), np.arange(N))
    four = {"a": jnp.zeros((4, 4, 4, 1))}
    source = draw(lambda k: batchwise.patch_mix(k, four, patch=2, images=4)["patch_mix"]["source"])
    for token in range(4):
        equally_likely(source[:, 1, token], 4)
    style = draw(lambda k: batchwise.standardise_style(k, four, names=("a",))["standardise_style"])
    equally_likely(style["source"], 4)
    masks = {n: {"mask": jnp.full((4, 4), n == "alien")} for n in ("noise", "alien")}
    alien = draw(
        lambda k: batchwise.corrupt_groups(
            k, {"image": four["a"], **masks}, grid=(2, 2), alien_p=0.3
        )["mask"][:, 0]
    )
    assert abs(alien.mean() - 0.3) < 0.025
