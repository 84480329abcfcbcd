import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations import series
from jssl.augmentations.mask_rows import row_mask
from jssl.errors import UserError

X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
KEY = jax.random.key(3)


def test_resampling_is_linear_between_steps():
    found = series.resample(jnp.asarray(X), 7, 2.5, 10.0)
    at = 2.5 + 10.0 * np.linspace(0, 1, 7)
    for channel in range(2):
        wanted = np.interp(at, np.arange(20), X[:, channel])
        np.testing.assert_allclose(found[:, channel], wanted, atol=1e-5)
    np.testing.assert_array_equal(series.resize(None, jnp.asarray(X), length=20), X)
    ramp = jnp.arange(20.0)[:, None]
    cut = np.asarray(series.crop(KEY, ramp, length=9, scale=(0.5, 0.5)))[:, 0]
    np.testing.assert_allclose(np.diff(cut), 9.5 / 8, rtol=1e-4)
    assert cut[0] >= 0 and cut[-1] <= 19


def test_operations_do_what_they_say():
    x = jnp.asarray(X)
    normal = np.asarray(series.standardise(None, x))
    np.testing.assert_allclose(normal.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std(0), 1, atol=1e-4)
    ratio = np.asarray(series.rescale(KEY, x)) / X
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:1], X.shape), rtol=1e-4)
    mixed = np.asarray(series.permute(KEY, x, segments=3))
    np.testing.assert_array_equal(mixed[18:], X[18:])
    blocks = {X[i : i + 6].tobytes() for i in (0, 6, 12)}
    assert {mixed[i : i + 6].tobytes() for i in (0, 6, 12)} == blocks
    holed = np.asarray(series.drop_stretch(KEY, x, share=0.2))
    changed = np.flatnonzero((holed != X).all(axis=1))
    np.testing.assert_array_equal(changed, np.arange(changed[0], changed[0] + 4))
    np.testing.assert_allclose(holed[changed], np.broadcast_to(X.mean(0), (4, 2)), rtol=1e-4)
    noise = np.asarray(series.jitter(KEY, jnp.tile(x, (200, 1)), sigma=0.5)) - np.tile(X, (200, 1))
    np.testing.assert_allclose(noise.std(0) / X.std(0), 0.5, rtol=0.05)


def test_sensors_are_turned_together_and_in_any_way():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(12, 6)), jnp.float32)
    turned = np.asarray(series.rotate_sensors(KEY, x))
    both = [np.asarray(a).reshape(12, 2, 3) for a in (x, turned)]
    # The rotation is what brings the first sensor's axes to their new places; the second's too.
    turn = np.linalg.lstsq(both[0][:, 0], both[1][:, 0], rcond=None)[0]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(turn), 1, rtol=1e-5)
    np.testing.assert_allclose(both[0][:, 1] @ turn, both[1][:, 1], atol=1e-5)
    up = jnp.tile(jnp.asarray([[0.0, 0.0, 1.0]]), (1, 1))
    many = jax.vmap(lambda k: series.rotate_sensors(k, up)[0])(jax.random.split(KEY, 4000))
    np.testing.assert_allclose(np.mean(many, axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(np.asarray(many).T), np.eye(3) / 3, atol=0.03)
    with pytest.raises(UserError, match="not 4"):
        series.rotate_sensors(KEY, x[:, :4])


def test_windows_are_put_together_and_extended():
    parts = {"series": jnp.asarray(X[:14]), "future": jnp.asarray(X[14:])}
    wanted = (X - X.mean(0)) / X.std(0)
    np.testing.assert_allclose(series.whole_window(None, parts), wanted, atol=1e-4)
    longer = np.asarray(series.extend(None, parts["series"], steps=6))
    np.testing.assert_array_equal(longer, np.concatenate([X[:14], np.zeros((6, 2))]))


def test_row_mask_hides_the_same_number_in_each_row():
    found = row_mask(KEY, rows=3, columns=5, ratio=0.4)
    mask = np.asarray(found["mask"]).reshape(3, 5)
    np.testing.assert_array_equal(mask.sum(1), 2)
    assert len({row.tobytes() for row in mask}) > 1
    np.testing.assert_array_equal(np.flatnonzero(mask), found["masked"])
    np.testing.assert_array_equal(np.flatnonzero(~mask.reshape(-1)), found["keep"])
