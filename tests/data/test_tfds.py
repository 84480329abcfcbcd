"""A tiny data set in the layout of TFDS is written here with array_record and read back."""

import io
import json
import pickle
import sys

import numpy as np
import pytest
from PIL import Image

from jssl.data import TFDS, fingerprint, labels
from jssl.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets")
writer = pytest.importorskip("array_record.python.array_record_module")


def pixels(split, i):
    return np.random.default_rng([len(split), i]).integers(0, 256, (10, 12, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    from tensorflow_datasets.proto import tf_example_pb2

    root = tmp_path_factory.mktemp("tfds")
    folder = root / "tiny_set" / "1.0.0"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
        }
    )
    features.save_config(str(folder))
    splits = []
    for split, count in (("train", 40), ("test", 6)):
        name = f"tiny_set-{split}.array_record-00000-of-00001"
        records = writer.ArrayRecordWriter(str(folder / name), "group_size:1")
        for i in range(count):
            png = io.BytesIO()
            Image.fromarray(pixels(split, i)).save(png, "PNG")
            example = tf_example_pb2.Example()
            encoded = png.getvalue() if (split, i) != ("test", 5) else png.getvalue()[:60]
            example.features.feature["image"].bytes_list.value.append(encoded)
            example.features.feature["label"].int64_list.value.append(i % 2)
            records.write(example.SerializeToString())
        records.close()
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        splits.append({"name": split, "shardLengths": [str(count)], "filepathTemplate": template})
    info = {"name": "tiny_set", "version": "1.0.0", "fileFormat": "array_record", "splits": splits}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return str(root)


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
