"""A tiny data set in the layout of TFDS, written with array_record."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image


def pixels(split: str, i: int) -> np.ndarray:
    """Image i of a split: uint8 [10, 12, 3]."""
    return np.random.default_rng([len(split), i]).integers(0, 256, (10, 12, 3), dtype=np.uint8)


def write_tiny_set(root: Path, cut: tuple[str, int] | None = None) -> str:
    """Writes `tiny_set` and returns the folder for `data_dir`.

    Args:
      root: an empty folder.
      cut: split and number of an image that is cut short.
    """
    import tensorflow_datasets as tfds
    from array_record.python import array_record_module as writer
    from tensorflow_datasets.proto import tf_example_pb2

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
            encoded = png.getvalue()[:60] if (split, i) == cut else png.getvalue()
            example.features.feature["image"].bytes_list.value.append(encoded)
            example.features.feature["label"].int64_list.value.append(i % 2)
            records.write(example.SerializeToString())
        records.close()
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        splits.append({"name": split, "shardLengths": [str(count)], "filepathTemplate": template})
    info = {"name": "tiny_set", "version": "1.0.0", "fileFormat": "array_record", "splits": splits}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return str(root)
