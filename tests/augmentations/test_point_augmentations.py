"""Augmentations of clouds: what they keep, and that padding changes no number."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations import points
from jssl.errors import UserError

KEY = jax.random.key(5)
XYZ = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def cloud(size: int, count: int = 40) -> dict[str, jax.Array]:
    xyz = np.zeros((size, 3), np.float32)
    xyz[:count] = XYZ[:count]
    return {"xyz": jnp.asarray(xyz), "valid": jnp.arange(size) < count}


def real(found: dict[str, jax.Array]) -> np.ndarray:
    return np.asarray(found["xyz"])[np.asarray(found["valid"])]


def distances(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, None] - x[None], axis=-1)


OPERATIONS = (
    points.rotate,
    partial(points.rotate, axis=2),
    points.rescale,
    points.translate,
    points.jitter,
    points.drop_points,
    points.occlude,
    partial(points.subsample, count=30),
    points.normalise,
    partial(points.normalise, radius="rms"),
)


def test_padding_changes_no_number() -> None:
    run = jax.jit(lambda x: [operation(KEY, x) for operation in OPERATIONS])
    for operation, short, long in zip(OPERATIONS, run(cloud(40)), run(cloud(64)), strict=True):
        np.testing.assert_allclose(real(long), real(short), atol=1e-6, err_msg=str(operation))
        assert not np.asarray(long["xyz"])[~np.asarray(long["valid"])].any()


def test_operations_do_what_they_say() -> None:
    x = cloud(48)
    for axis in (None, 1):
        turned = real(points.rotate(KEY, x, axis=axis))
        np.testing.assert_allclose(distances(turned), distances(XYZ), atol=1e-4)
        assert np.linalg.det(np.linalg.lstsq(XYZ, turned, rcond=None)[0]) == pytest.approx(
            1.0, abs=1e-4
        )
    np.testing.assert_allclose(turned[:, 1], XYZ[:, 1], atol=1e-5)
    ratio = real(points.rescale(KEY, x, each=True)) / XYZ
    np.testing.assert_allclose(ratio, ratio[:1] + 0 * ratio, rtol=1e-4)
    assert 2 / 3 <= ratio.min() < ratio.max() <= 3 / 2
    shift = real(points.translate(KEY, x, reach=0.2)) - XYZ
    np.testing.assert_allclose(shift, shift[:1] + 0 * shift, atol=1e-6)
    noise = real(points.jitter(KEY, x, sigma=0.1, clip=0.15)) - XYZ
    assert np.abs(noise).max() <= 0.1501 and 0.05 < noise.std() < 0.1
    for name, radius in (("largest", np.max), ("rms", lambda r: np.sqrt(np.mean(r**2)))):
        normal = real(points.normalise(None, x, radius=name))
        np.testing.assert_allclose(normal.mean(0), 0, atol=1e-6)
        assert radius(np.linalg.norm(normal, axis=1)) == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(UserError, match="largest or rms"):
        points.normalise(None, x, radius="max")


def test_what_is_removed() -> None:
    x, rows = cloud(48), {tuple(row) for row in XYZ}
    for keys in range(3):
        key = jax.random.key(keys)
        part = points.occlude(key, x, most=0.5)
        seen = np.asarray(part["valid"])[:40]
        assert 20 <= seen.sum() <= 40
        if not seen.all():  # a plane parts what is left from what is gone
            inside, outside = XYZ[seen], XYZ[~seen]
            across = np.asarray(jax.random.normal(jax.random.split(key)[0], (3,)))
            assert (inside @ across).max() <= (outside @ across).min()
        for found in (points.drop_points(key, x), points.subsample(key, x, count=25)):
            assert {tuple(row) for row in real(found)} <= rows
        assert len(real(points.drop_points(key, cloud(48, 1), most=1.0))) == 1
    assert len(real(points.subsample(KEY, x, count=25))) == 25
    np.testing.assert_array_equal(real(points.subsample(None, x, count=25)), XYZ[:25])
    wide = points.subsample(KEY, x, count=60)
    assert wide["xyz"].shape == (60, 3) and {tuple(row) for row in real(wide)} == rows


def test_masks_hide_a_share_of_the_real_patches() -> None:
    draw = jax.jit(
        lambda n: points.patch_mask(
            KEY, {"points/valid": jnp.arange(30) < n, "points/xyz": XYZ[:30]}, tokens=10, ratio=0.6
        )
    )
    for count, hidden in ((30, 6), (10, 6), (5, 3), (1, 0)):
        found = jax.tree.map(np.asarray, draw(count))
        assert found["keep"].shape == (4,) and found["masked"].shape == (6,)
        assert sorted([*found["keep"], *found["masked"]]) == list(range(10))
        assert found["mask"].sum() == hidden and not found["mask"][count:].any()
        assert not found["mask"][found["keep"]].any()
