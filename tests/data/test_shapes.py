import time

import numpy as np
import pytest

from jssl.data import Shapes, fingerprint
from jssl.data.shapes import TEXTURES, _split, render
from jssl.data.silhouettes import NAMES, distance
from jssl.errors import UserError

SPEC = Shapes(train=8192, validation=256, test=1024)


@pytest.fixture(scope="module")
def splits():
    return SPEC.load()


def knn(train, train_label, test, test_label, k=20):
    nearest = (train**2).sum(1)[None] - 2 * test @ train.T
    votes = train_label[np.argpartition(nearest, k, axis=1)[:, :k]]
    counts = np.stack([(votes == c).sum(1) for c in range(len(NAMES))], axis=1)
    return np.mean(counts.argmax(1) == test_label)


def test_raw_pixels_say_little_of_the_class(splits):
    """Hard for raw pixels: their kNN lies between chance and 40 %."""
    train, test = splits.train.arrays, splits.test.arrays
    flat = [a["image"].reshape(len(a["image"]), -1).astype(np.float32) / 255 for a in (train, test)]
    score = knn(flat[0], train["label"], flat[1], test["label"])
    assert 0.15 < score < 0.35


def test_shape_is_there_once_the_nuisances_are_gone(splits):
    """Undoing place, size and rotation, which the factors give, leaves outlines kNN can read."""

    def canonical(a):
        axis = (np.arange(16) + 0.5) / 8 - 1
        x, y = np.meshgrid(axis, axis)
        s, r = a["factor/scale"][:, None, None], a["factor/rotation"][:, None, None]
        u = a["factor/x"][:, None, None] + s * (np.cos(r) * x - np.sin(r) * y)
        v = a["factor/y"][:, None, None] + s * (np.sin(r) * x + np.cos(r) * y)
        i, j = (np.clip((w + 1) * 16, 0, 31).astype(int) for w in (v, u))
        grey = a["image"].mean(-1)[np.arange(len(i))[:, None, None], i, j].reshape(len(i), -1)
        border = a["image"].mean(-1)[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        away = np.abs(grey - np.median(border, 1)[:, None])
        return (away / away.max(1, keepdims=True)).astype(np.float32)

    train, test = splits.train.arrays, splits.test.arrays
    assert knn(canonical(train), train["label"], canonical(test), test["label"]) > 0.9


def test_an_example_is_a_function_of_seed_split_and_index(splits):
    _split.cache_clear()
    small = Shapes(train=300, validation=256, test=10).load()
    np.testing.assert_array_equal(
        small.train.arrays["image"], splits.train[np.arange(300)]["image"]
    )
    np.testing.assert_array_equal(small.test.arrays["image"], splits.test[np.arange(10)]["image"])
    one = render(0, 137, 1)
    np.testing.assert_array_equal(one["image"][0], splits.train[137]["image"])
    other = Shapes(train=300, validation=256, test=10, seed=1).load()
    assert fingerprint(other.train) != fingerprint(small.train)
    # Loading again in one process costs nothing: it is the same object.
    assert Shapes(train=300, validation=256, test=10).load().train is small.train


def test_splits_share_no_image(splits):
    parts = (splits.train, splits.validation, splits.test)
    images = {image.tobytes() for p in parts for image in p.arrays["image"]}
    assert len(images) == 8192 + 256 + 1024


def test_factors_are_declared_in_range_and_independent_of_the_class(splits):
    a = splits.train.arrays
    label = a["label"]
    assert np.bincount(label).tolist() == [820, 820] + [819] * 8
    np.testing.assert_array_equal(label, a["factor/shape"])
    assert splits.classes == NAMES
    assert len(NAMES) == 10
    for name, count in (("colour", 8), ("background", 8), ("texture", len(TEXTURES))):
        values = a[f"factor/{name}"]
        assert values.dtype == np.int32
        table = np.zeros((10, count))
        np.add.at(table, (label, values), 1)
        expected = len(label) / 10 / count
        chi2 = ((table - expected) ** 2 / expected).sum()
        assert chi2 < 1.7 * 10 * count
    assert np.all(a["factor/colour"] != a["factor/background"])
    reach = a["factor/scale"] + np.maximum(np.abs(a["factor/x"]), np.abs(a["factor/y"]))
    assert reach.max() <= 1 + 1e-6
    for name in ("x", "y", "scale", "rotation", "lighting"):
        values = a[f"factor/{name}"]
        assert values.dtype == np.float32
        assert abs(np.corrcoef(values, label)[0, 1]) < 0.05
        assert values.std() > 0.05


def test_the_declared_place_is_where_the_figure_is():
    batch = render(3, 0, 400)
    grey = batch["image"].astype(np.float32).mean(-1)
    plain = (batch["factor/texture"] == 0) & (batch["factor/lighting"] < 0.3)
    plain &= np.isin(batch["label"], [NAMES.index(n) for n in ("disc", "ring", "square", "cross")])
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    away = np.abs(grey - np.median(border, 1)[:, None, None])
    mask = away > 0.5 * away.max((1, 2), keepdims=True)
    axis = (np.arange(32) + 0.5) / 16 - 1
    x = (mask * axis[None, None]).sum((1, 2)) / mask.sum((1, 2))
    y = (mask * axis[None, :, None]).sum((1, 2)) / mask.sum((1, 2))
    assert plain.sum() > 5
    assert np.abs(x - batch["factor/x"])[plain].max() < 0.06
    assert np.abs(y - batch["factor/y"])[plain].max() < 0.06


def test_silhouettes_match_their_formulas():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1.2, 1.2, (2, 10, 5, 40)).astype(np.float32)
    got = distance(np.arange(10), x, y)
    disc = NAMES.index("disc")
    want = np.hypot(x[disc], y[disc]) - 0.86
    np.testing.assert_allclose(got[disc], want, atol=0.01)
    square = NAMES.index("square")
    half = 1.1 / np.sqrt(2)
    u, v = np.abs(x[square]) - half, np.abs(y[square]) - half
    want = np.hypot(np.maximum(u, 0), np.maximum(v, 0)) + np.minimum(np.maximum(u, v), 0)
    np.testing.assert_allclose(got[square], want, atol=0.01)
    edge = np.linspace(-1.25, 1.25, 50, dtype=np.float32)
    for k in range(10):  # every outline closes inside the table, so nothing trails off
        for line in ((edge, edge * 0 - 5), (edge, edge * 0 + 5), (edge * 0 - 5, edge)):
            assert distance(np.array([k]), line[0][None, None], line[1][None, None]).min() > 0


def test_other_sizes_and_speed():
    start = time.perf_counter()
    large = render(0, 0, 32, size=48)
    assert large["image"].shape == (32, 48, 48, 3)
    assert time.perf_counter() - start < 3
    np.testing.assert_array_equal(large["factor/x"], render(0, 0, 32)["factor/x"])
    for changed, words in (({"train": 0}, "train is 0"), ({"size": 8}, "size is 8.*at least 16")):
        with pytest.raises(UserError, match=words):
            Shapes(**changed)


def test_textures_can_be_chosen():
    """Only the paint changes; figures whose texture is drawn again stay as they are."""
    kinds = ("solid", "dots")
    some = Shapes(train=64, validation=1, test=1, textures=kinds).load().train.arrays
    full = Shapes(train=64, validation=1, test=1).load().train.arrays
    assert set(some["factor/texture"]) == {TEXTURES.index(kind) for kind in kinds}
    for name in ("label", "factor/x", "factor/rotation", "factor/colour"):
        np.testing.assert_array_equal(some[name], full[name])
    same = some["factor/texture"] == full["factor/texture"]
    assert 0 < same.sum() < 64
    for i in range(64):
        assert np.array_equal(some["image"][i], full["image"][i]) == same[i]


@pytest.mark.parametrize("textures, words", [(("solid", "dot"), "'dots'"), ((), "at least one")])
def test_unknown_or_no_textures(textures, words):
    with pytest.raises(UserError, match=words):
        Shapes(textures=textures).load()
