"""A tiny data set in the layout of TFDS is written here with array_record and read back."""

import pickle
import sys

import numpy as np
import pytest
from tfds_files import pixels, write_tiny_set

from jssl.data import TFDS, fingerprint, labels
from jssl.errors import UserError


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return write_tiny_set(tmp_path_factory.mktemp("tfds"), cut=("test", 5))


def test_tfds_reads_array_record_without_tensorflow(data_dir):
    splits = TFDS("tiny_set", data_dir=data_dir).load()
    assert splits.name == "tiny_set"
    assert splits.classes == ("cat", "dog")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (36, 4, 6)
    assert np.bincount(labels(splits.validation)).tolist() == [2, 2]
    source = pickle.loads(pickle.dumps(splits.train.source))
    batch = source[np.array([7, 2])]
    np.testing.assert_array_equal(batch["image"], [pixels("train", 7), pixels("train", 2)])
    np.testing.assert_array_equal(batch["label"], [1, 0])
    np.testing.assert_array_equal(source[7]["image"], pixels("train", 7))
    assert fingerprint(splits.train) != fingerprint(splits.validation)
    assert "tensorflow" not in sys.modules

    part = TFDS("tiny_set", data_dir, size=8, train="train[:50%]", validation="train[50%:]").load()
    assert (len(part.train), len(part.validation)) == (20, 20)
    assert part.train[0]["image"].shape == (8, 8, 3)


def test_tfds_says_what_is_missing_and_how_to_get_it(data_dir, tmp_path):
    command = rf"tfds build cifar10 --file_format=array_record --data_dir={tmp_path}"
    tiny = {"data_dir": data_dir}
    for spec, words in (
        (TFDS("cifar10", data_dir=str(tmp_path)), command),
        (TFDS("cifar10", data_dir=str(tmp_path / "none")), command),
        (TFDS("no_such_set", data_dir=str(tmp_path)), "knows no data set 'no_such_set'"),
        (TFDS("tiny_set", **tiny, test="tset"), "no split 'tset': did you mean 'test'"),
        (TFDS("tiny_set", **tiny, image="imgae"), "no feature 'imgae': did you mean 'image'"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            spec.load()
        assert "\n" not in str(caught.value)
    with pytest.raises(
        UserError, match=r"image 5 of tiny_set \(test\) is not .* again: tfds build"
    ):
        TFDS("tiny_set", data_dir).load().test[np.array([4, 5])]


def test_damaged_files_of_tfds_are_named_with_the_command_that_helps(tmp_path):
    root = write_tiny_set(tmp_path)
    folder = tmp_path / "tiny_set" / "1.0.0"
    for name, content, words in (
        ("dataset_info.json", b"{", r"TFDS cannot open tiny_set \(.*tfds build tiny_set"),
        ("tiny_set-train.array_record-00000-of-00001", b"x", r"tiny_set \(train\) cannot be read"),
    ):
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=words) as caught:
            TFDS("tiny_set", data_dir=root).load()
        assert "\n" not in str(caught.value)
        (folder / name).write_bytes(raw)
    assert len(TFDS("tiny_set", data_dir=root).load().test) == 6
