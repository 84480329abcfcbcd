from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations import video
from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.compose import pipeline
from jssl.augmentations.geometry import random_resized_crop
from jssl.errors import UserError

KEYS = jax.random.split(jax.random.key(0), 64)
CLIP = jnp.asarray(np.random.default_rng(0).uniform(size=(7, 8, 8, 3)).astype(np.float32))
NUMBERED = jnp.arange(9.0)[:, None]  # a clip whose frames are their own numbers


def test_every_frame_gets_the_same_draw():
    crop = partial(random_resized_crop, size=6, scale=(0.3, 0.8))
    for op in (crop, partial(colour_jitter, brightness=0.5, hue=0.2)):
        found = jax.jit(video.each_frame(op))(KEYS[0], CLIP)
        alone = jax.jit(op)
        for frame in (0, 6):
            np.testing.assert_allclose(found[frame], alone(KEYS[0], CLIP[frame]), atol=1e-5)
    assert repr(video.each_frame(crop)) == (
        "each_frame(random_resized_crop(size=6, scale=(0.3, 0.8)))"
    )


def test_clips_are_stored_as_bytes_and_read_as_floats():
    stored = np.round(255 * np.asarray(CLIP)).astype(np.uint8)
    found = pipeline(field="video")(None, {"video": stored})
    np.testing.assert_allclose(found, stored / 255, atol=1e-6)


def test_temporal_crops_are_stretches_of_every_start_and_step():
    crop = partial(video.temporal_crop, length=4, strides=(1, 2))
    found = np.asarray(jax.vmap(crop, (0, None))(KEYS, NUMBERED))[..., 0]
    steps = np.diff(found, axis=1)
    assert (steps == steps[:, :1]).all() and set(steps[:, 0]) == {1.0, 2.0}
    for step, last in ((1, 5), (2, 2)):
        assert set(found[steps[:, 0] == step, 0]) == set(range(last + 1))
    np.testing.assert_array_equal(video.middle(None, NUMBERED, length=3)[:, 0], [3, 4, 5])
    np.testing.assert_array_equal(video.middle(None, NUMBERED, length=3, stride=4)[:, 0], [0, 4, 8])
    with pytest.raises(UserError, match="need a clip of 11 frames, and this one has 9"):
        video.temporal_crop(KEYS[0], NUMBERED, length=6, strides=(1, 2))
    with pytest.raises(UserError, match="do not fit"):
        video.middle(None, NUMBERED, length=10)


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_one_part_alone_is_out_of_order(order):
    sample = partial(video.odd_one_out, parts=3, length=3, order=order)
    found = jax.vmap(sample, (0, None))(KEYS, NUMBERED)
    parts, label = np.asarray(found["parts"])[..., 0], np.asarray(found["label"])
    right = (np.diff(parts, axis=2) == 1).all(axis=2)
    np.testing.assert_array_equal(~right, np.arange(3) == label[:, None])
    assert set(label) == {0, 1, 2} and set(parts[right][:, 0]) == set(range(7))
    odd = parts[np.arange(len(parts)), label]
    np.testing.assert_array_equal(np.diff(np.sort(odd, axis=1), axis=1), 1)  # the same frames
    orders = {tuple(row - row.min()) for row in odd}
    assert orders == {(2, 1, 0)} if order == "reversed" else len(orders) == 5
    with pytest.raises(UserError, match="'shuffled' or 'reversed', not 'sorted'"):
        video.odd_one_out(KEYS[0], NUMBERED, order="sorted")


def test_views_of_clips_have_the_shapes_they_should():
    batch = {"video": np.zeros((2, 9, 8, 8, 1), np.uint8), "index": np.arange(2)}
    found = jax.eval_shape(video.clip_views(4, 6), KEYS[0], batch)
    assert {name: view.shape for name, view in found.items()} == {
        "a": (2, 4, 6, 6, 1),
        "b": (2, 4, 6, 6, 1),
    }
