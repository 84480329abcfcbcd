"""Views of masked and pretext methods: units, HOG targets, corrupted groups, rotations, tiles."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations import recipes
from jssl.augmentations.batchwise import corrupt_groups
from jssl.augmentations.compose import Views, field, pipeline
from jssl.augmentations.hog import hog, with_hog
from jssl.augmentations.labelled import after, jigsaw_permutations, jigsaw_tiles, rotate_all
from jssl.augmentations.mask_blocks import unit_mask
from jssl.config.experiment import load
from jssl.errors import UserError

KEY = jax.random.key(3)
PHOTO = jnp.asarray(np.random.default_rng(0).uniform(size=(24, 24, 3)), jnp.float32)


def test_units_are_hidden_whole() -> None:
    draw = partial(unit_mask, grid=(6, 4), unit=2, ratio=0.6)
    masks = jax.jit(jax.vmap(draw))(jax.random.split(KEY, 200))
    cells = np.asarray(masks["mask"]).reshape(200, 3, 2, 2, 2)
    np.testing.assert_array_equal(cells, np.broadcast_to(cells[:, :, :1, :, :1], cells.shape))
    assert np.all(masks["mask"].sum(1) == 4 * 4)  # ceil(0.6 x 6) squares of 4 tokens
    assert np.all(np.abs(masks["mask"].mean(0) - 4 / 6) < 0.15)
    with pytest.raises(UserError, match="do not tile"):
        unit_mask(KEY, grid=(5, 4))


def test_hog_of_the_patches_before_normalisation() -> None:
    stats = ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    out = with_hog(None, PHOTO, patch=8, cell=4, stats=stats)
    assert out["target"].shape == (9, 2 * 2 * 3 * 9)
    cells = np.asarray(hog(PHOTO, cell=4, gradient="sobel"))
    np.testing.assert_array_equal(out["target"][4], cells[2:4, 2:4].reshape(-1))
    np.testing.assert_allclose(
        out["image"], (PHOTO - np.array(stats[0])) / np.array(stats[1]), 1e-5
    )
    with pytest.raises(UserError, match="do not tile a patch"):
        with_hog(None, PHOTO, patch=8, cell=3)


def test_the_noise_floor_keeps_plain_cells_small() -> None:
    noise = 0.5 + 0.002 * jnp.asarray(np.random.default_rng(1).normal(size=(8, 16, 1)))
    image = noise.at[:, 12:].add(0.4)  # the second cell has an edge, the first has none
    sizes = np.asarray(hog(image, cell=8, gradient="sobel", floor=1e4))[0, :, 0] * 1e4
    for floor in (1e-5, 0.1):
        got = np.asarray(hog(image, cell=8, gradient="sobel", floor=floor))[0, :, 0]
        want = sizes / np.sqrt((sizes**2).sum(-1, keepdims=True) + floor**2)
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-6)
        lengths = np.linalg.norm(got, axis=-1)
        assert lengths[1] > 0.9
        assert lengths[0] > 0.99 if floor < 1e-3 else lengths[0] < 0.2
    same = with_hog(None, image, patch=8, floor=0.1)["target"]
    np.testing.assert_allclose(same[1], got[1], atol=1e-6)


def test_jigsaw_is_evaluated_on_images_normalised_as_its_tiles_are() -> None:
    seen = load("image/jigsaw_shapes").preprocess(None, {"image": PHOTO})
    tiles = jigsaw_tiles(KEY, PHOTO, permutations=20, gap=0)["image"]
    for image in (seen, *tiles):
        np.testing.assert_allclose(np.mean(image, axis=(0, 1)), 0.0, atol=1e-5)
        np.testing.assert_allclose(np.var(image, axis=(0, 1)), 1.0, atol=0.02)


def test_all_four_rotations() -> None:
    out = rotate_all(None, PHOTO)
    np.testing.assert_array_equal(out["label"], np.arange(4))
    for turns in range(4):
        np.testing.assert_array_equal(out["image"][turns], np.rot90(PHOTO, turns))


def test_tiles_are_shuffled_cropped_and_normalised() -> None:
    flat = jnp.arange(9.0).reshape(3, 3).repeat(8, 0).repeat(8, 1)[..., None]
    ramp = flat + jnp.linspace(0.0, 0.5, 24)[None, :, None] / 24
    draw = jax.jit(partial(jigsaw_tiles, permutations=20, gap=3))
    table = jigsaw_permutations(20, 9)
    labels = set()
    for seed in range(12):
        out = draw(jax.random.key(seed), ramp / 10)
        labels.add(int(out["label"]))
        assert out["image"].shape == (9, 5, 5, 1)
        assert np.abs(np.mean(out["image"], axis=(1, 2))).max() < 1e-4
    assert len(labels) > 4
    # Marks that survive normalisation: a bright pixel column whose place names the cell.
    marked = np.zeros((9, 9, 1), np.float32)
    for cell in range(9):
        row, column = divmod(cell, 3)
        marked[row * 3 + cell // 3, column * 3 + cell % 3] = 1.0
    out = jigsaw_tiles(KEY, jnp.asarray(marked), permutations=20, gap=0)
    found = np.asarray(out["image"]).reshape(9, 9).argmax(1)
    np.testing.assert_array_equal(found, table[int(out["label"])])
    with pytest.raises(UserError, match="leaves nothing"):
        jigsaw_tiles(KEY, PHOTO, gap=8)


@pytest.mark.rotating
def test_groups_are_corrupted_in_one_of_two_ways() -> None:
    views = recipes.get("gmml", size=24, grid=(6, 6), group=(2, 6), stats=None)
    batch = {
        "image": jnp.asarray(np.random.default_rng(1).uniform(size=(16, 24, 24, 3)), jnp.float32),
        "index": jnp.arange(16),
    }
    out = jax.tree.map(np.asarray, jax.jit(views)(KEY, batch))
    assert set(out) == {"image", "original", "mask"}
    share = out["mask"].mean(1)
    alien = np.isclose(share, 11 / 36)  # ceil(0.3 x 36)
    assert np.all(alien | np.isclose(share, 26 / 36))
    assert 0 < alien.sum() < 16
    pixels = out["mask"].reshape(16, 6, 6).repeat(4, 1).repeat(4, 2)
    np.testing.assert_array_equal(out["image"][~pixels], out["original"][~pixels])
    other = np.roll(out["original"], 1, axis=0)
    np.testing.assert_array_equal(out["image"][alien][pixels[alien]], other[alien][pixels[alien]])
    noise = out["image"][~alien][pixels[~alien]]
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.1
    with pytest.raises(UserError, match="does not tile"):
        corrupt_groups(KEY, {"image": jnp.zeros((2, 9, 9, 3))}, grid=(2, 2))


def test_dropped_places_are_counted_within_the_shown() -> None:
    views = recipes.get("droppos", size=16, tokens=16, ratio=0.5, dropped=0.75)
    batch = {"image": jnp.zeros((3, 20, 20, 3), jnp.uint8), "index": jnp.arange(3)}
    out = jax.eval_shape(views, KEY, batch)
    assert out["mask"]["keep"].shape == out["dropped"]["mask"].shape == (3, 8)
    assert out["dropped"]["keep"].shape == (3, 2)


def test_fields_pass_through() -> None:
    views = Views(image=after(pipeline(), rotate_all), index=field("index"))
    batch = {"image": jnp.zeros((3, 4, 4, 3)), "index": jnp.array([7, 2, 5])}
    np.testing.assert_array_equal(views(KEY, batch)["index"], [7, 2, 5])
    assert "field('index')" in repr(views)
    with pytest.raises(UserError, match="no field 'indx'"):
        Views(index=field("indx"))(KEY, batch)
