import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.data import (
    Arrays,
    ArraySource,
    DeviceData,
    Digits,
    Source,
    SubsetSource,
    carve_validation,
    fingerprint,
    fits,
    gather,
    labels,
    read_all,
)
from jssl.data.arrays import finish
from jssl.data.source import stratified
from jssl.errors import UserError


def make(n=40, classes=4):
    image = np.arange(n * 12, dtype=np.uint8).reshape(n, 2, 2, 3)
    return {"image": image, "label": np.arange(n) % classes}


def test_array_source_gives_examples_and_batches():
    arrays = make()
    source = ArraySource(arrays)
    assert isinstance(source, Source)
    assert len(source) == 40
    assert source[3]["image"].shape == (2, 2, 3)
    assert source[3]["label"] == 3
    batch = source[np.array([5, 1, 5])]
    np.testing.assert_array_equal(batch["image"], arrays["image"][[5, 1, 5]])
    assert batch["label"].dtype == np.int32
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy[2]["image"], source[2]["image"])


def test_subset_source_selects_and_stays_flat():
    source = ArraySource(make())
    subset = SubsetSource(source, [30, 10, 20])
    inner = SubsetSource(subset, np.array([2, 0]))
    assert inner.source is source
    np.testing.assert_array_equal(inner.indices, [20, 30])
    np.testing.assert_array_equal(inner[np.array([1])]["image"], source[np.array([30])]["image"])
    np.testing.assert_array_equal(labels(inner), [0, 2])
    np.testing.assert_array_equal(read_all(subset)["label"], [2, 2, 0])
    with pytest.raises(UserError, match=r"\[0, 40\)"):
        SubsetSource(source, [0, 40])
    with pytest.raises(UserError, match="equally long"):
        ArraySource({"image": np.zeros((3, 2, 2, 1), np.uint8), "label": np.zeros(4, int)})


def test_stratified_keeps_shares_exactly_and_depends_on_the_seed():
    label = np.repeat([0, 1, 2], [70, 20, 10])
    for count in (0, 1, 10, 33, 100):
        picked = stratified(label, count, 0)
        assert len(np.unique(picked)) == count
        share = np.bincount(label[picked], minlength=3)
        assert np.all(np.abs(share - count * np.array([0.7, 0.2, 0.1])) < 1)
    np.testing.assert_array_equal(stratified(label, 30, 5), stratified(label, 30, 5))
    assert not np.array_equal(stratified(label, 30, 5), stratified(label, 30, 6))


def test_carve_validation_partitions():
    source = ArraySource(make())
    rest, part = carve_validation(source, 0.25, seed=1)
    assert (len(rest), len(part)) == (30, 10)
    both = np.sort(np.concatenate([rest.indices, part.indices]))
    np.testing.assert_array_equal(both, np.arange(40))
    again = carve_validation(source, 0.25, seed=1)[1]
    np.testing.assert_array_equal(part.indices, again.indices)
    with pytest.raises(UserError, match=r"0\.001 carves 0 of 40"):
        carve_validation(source, 0.001)
    unlabelled = ArraySource({"image": make()["image"]})
    assert len(carve_validation(unlabelled, 0.25)[1]) == 10
    assert labels(unlabelled) is None


def test_fingerprint_tells_data_apart():
    source = ArraySource(make())
    changed = make()
    changed["image"][7, 0, 0, 0] ^= 1
    prints = {
        fingerprint(source),
        fingerprint(ArraySource(changed)),
        fingerprint(SubsetSource(source, [0, 1])),
        fingerprint(SubsetSource(source, [1, 0])),
        fingerprint(np.arange(3)),
        fingerprint(np.arange(4)),
    }
    assert len(prints) == 6
    assert fingerprint(ArraySource(make())) == fingerprint(source)

    class Lazy:
        def __init__(self, seed):
            self.seed = seed

        def __len__(self):
            return 9

        def __getitem__(self, index):
            return {"image": np.full((*np.shape(index), 2, 2, 1), self.seed, np.uint8)}

    assert fingerprint(Lazy(1)) == fingerprint(Lazy(1)) != fingerprint(Lazy(2))


def test_arrays_check_and_carve():
    splits = Arrays(make(), name="mine").load()
    sizes = [len(s) for s in (splits.train, splits.validation, splits.test)]
    assert sizes == [32, 4, 4]
    assert splits.classes == ("0", "1", "2", "3")
    seen = np.concatenate([s.indices for s in (splits.train, splits.validation, splits.test)])
    np.testing.assert_array_equal(np.sort(seen), np.arange(40))

    grey = {"image": np.zeros((20, 4, 4), np.uint8), "label": np.zeros((20, 1), np.uint8)}
    given = Arrays(grey, test=grey, validation=grey, classes=("one",)).load()
    assert given.test[0]["image"].shape == (4, 4, 1)
    assert given.train[0]["label"].shape == ()
    assert len(given.train) == 20

    for bad, words in (
        ({"image": np.zeros((20, 4, 4), np.float32)}, "uint8"),
        ({"image": np.zeros((20, 4), np.uint8)}, r"\[20, 4\]"),
        ({"image": np.zeros((20, 4, 4, 5), np.uint8)}, r"\[20, 4, 4, 5\]"),
        ({"label": np.full(20, 0.5)}, "0.5 stands in row 0"),
        ({"label": -np.ones(20, int)}, "-1"),
        ({"label": np.zeros(19, int)}, "19"),
    ):
        with pytest.raises(UserError, match=words):
            Arrays({**grey, **bad}).load()
    with pytest.raises(UserError, match="test"):
        Arrays(grey, test={"image": grey["image"]}).load()
    with pytest.raises(UserError, match=r"\[4, 4, 1\] .* \[5, 5, 1\]"):
        Arrays(grey, test={**grey, "image": np.zeros((20, 5, 5), np.uint8)}).load()


def test_digits_are_split_by_class_without_overlap():
    splits = Digits().load()
    parts = [splits.train, splits.validation, splits.test]
    assert [len(p) for p in parts] == [1197, 300, 300]
    total = sum(np.bincount(labels(p)) for p in parts)
    for part in parts:
        share = np.bincount(labels(part)) / len(part)
        assert np.abs(share - total / 1797).max() < 0.005
    images = np.concatenate([p.arrays["image"] for p in parts])
    assert images.shape == (1797, 8, 8, 1)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {round(k * 255 / 16) for k in range(17)}
    from sklearn.datasets import load_digits

    raw = load_digits()
    want = np.sort((raw.images.reshape(1797, -1) * 7 ** np.arange(64.0)).sum(1) + raw.target)
    levels = np.round(images.reshape(1797, -1) / (255 / 16))
    known = np.concatenate([labels(p) for p in parts])
    np.testing.assert_allclose(np.sort((levels * 7 ** np.arange(64.0)).sum(1) + known), want)
    assert fingerprint(Digits().load().train) == fingerprint(splits.train)
    assert fingerprint(Digits(seed=1).load().train) != fingerprint(splits.train)
    with pytest.raises(UserError, match="1797"):
        Digits(validation=1000, test=900).load()


def test_device_data_holds_what_fits_and_gathers_it():
    source = SubsetSource(ArraySource(make()), np.arange(5, 25))
    size = 20 * (12 + 4)
    assert fits(source, size)
    assert not fits(source, size - 1)
    with pytest.raises(UserError, match=rf"{size} bytes .* 100"):
        DeviceData.load(source, 100)
    data = DeviceData.load(source)
    assert len(data) == 20
    index = np.array([3, 0, 19])
    batch = gather(jax.device_put(data.arrays), jnp.asarray(index))
    np.testing.assert_array_equal(batch["image"], make()["image"][index + 5])
    np.testing.assert_array_equal(batch["label"], make()["label"][index + 5])
    np.testing.assert_array_equal(batch["index"], index)
    assert batch["image"].dtype == np.uint8
    assert batch["index"].dtype == np.int32


def _bad(values, place, value):
    values = values.copy()
    values[place] = value
    return values


UNIT = np.zeros((20, 4, 5), np.float32)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (_bad(UNIT, (3, 0, 0), np.nan), "1 values that are NaN or infinite, first in image 3"),
        (_bad(UNIT, (4, 0, 0), np.inf), "first in image 4"),
        (_bad(UNIT, (4, 0, 0), 1), r"not float32 from 0 to 1; .* \(255 \* x\)"),
        (_bad(UNIT, (4, 0, 0), 4095).astype(np.uint16), r"uint16 from 0 to 4095; .*x / 257"),
        (_bad(UNIT, (4, 0, 0), -7).astype(np.int64), "int64 from -7 to 0"),
        (UNIT > 0, "not bool from"),
        (UNIT.astype(str), "not <U32"),
        (np.zeros((20, 5, 3), np.uint8), "looks like one image"),
        (np.zeros((20, 3, 8, 8), np.uint8), "move the channels last"),
        (np.zeros((20, 8, 8, 4), np.uint8), "1 or 3 channels"),
        (np.zeros((20, 64), np.uint8), r"not \[20, 64\]"),
        (np.zeros((20, 0, 8), np.uint8), "holds no pixels"),
        (np.zeros((0, 8, 8), np.uint8), "holds no pixels"),
    ],
)
def test_image_arrays_say_what_is_wrong_with_them(image, words):
    with pytest.raises(UserError, match=words):
        Arrays({"image": image}).load()


def test_labels_of_all_splits_are_numbered_alike_and_keep_their_names():
    image = np.zeros((20, 4, 4), np.uint8)
    train = {"image": image, "label": np.arange(20) % 2 * 2**32 + 1}
    test = {"image": image[:2], "label": np.array([5.0, 1.0])}
    splits = Arrays(train, test=test, validation=test).load()
    assert splits.classes == ("1", "5", "4294967297")
    assert labels(splits.train).tolist() == [0, 2] * 10
    assert labels(splits.test).tolist() == [1, 0]
    texts = Arrays({"image": image, "label": np.array(["cat", "dog"] * 10)}).load()
    assert texts.classes == ("cat", "dog")
    assert sorted(labels(texts.test).tolist()) == [0, 1]


def test_names_and_labels_that_do_not_match_are_refused():
    grey = {"image": np.zeros((20, 4, 4), np.uint8), "label": np.arange(20) % 3}
    with pytest.raises(UserError, match=r"3 different numbers from 0 to 2, and there are 2 names"):
        Arrays(grey, classes=("a", "b")).load()
    with pytest.raises(UserError, match="2 names of classes and no labels"):
        Arrays({"image": grey["image"]}, classes=("a", "b")).load()
    source = ArraySource(grey)
    with pytest.raises(UserError, match="mine: the label 2 has no name; there are 2 names"):
        finish(source, None, None, "mine", ("a", "b"), fraction=0.1, seed=0)


def test_too_few_examples_for_the_splits_are_named_as_such():
    def carved(count, fraction, test=None):
        source = ArraySource({"image": np.zeros((count, 4, 4), np.uint8)})
        return finish(source, None, test, "mine", (), fraction=fraction, seed=0)

    with pytest.raises(UserError, match="mine: a test split is not given, and 0 of 1 training ex"):
        carved(1, 0.1)
    words = r"validation split is not given, and 1 of 1 .*fraction is 0\.5, of 2"
    with pytest.raises(UserError, match=words):
        carved(2, 0.5)
    splits = carved(3, 0.34)
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [1, 1, 1]
    with pytest.raises(UserError, match="fraction of 0 carves 0 of 4 examples; each part needs"):
        carve_validation(ArraySource({"x": np.arange(4)}), 0.0)


def test_whole_numbers_that_do_not_fit_are_refused_before_they_wrap():
    assert ArraySource({"x": np.array([-(2**31), 2**31 - 1])}).arrays["x"].dtype == np.int32
    for value in (2**31, -(2**31) - 1, 2**32 + 1):
        with pytest.raises(UserError, match=f"'x' holds {value}, which does not fit"):
            ArraySource({"x": np.array([0, value])})
    with pytest.raises(UserError, match="does not fit"):
        ArraySource({"x": np.array([2**64 - 1], np.uint64)})
