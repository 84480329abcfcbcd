import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jssl.augmentations.text import pick_row
from jssl.data.captions import CaptionedShapes, COCOCaptions
from jssl.data.text import to_text
from jssl.errors import UserError


def test_coco_is_read_as_it_is_published(tmp_path):
    images, annotations = [], []
    for i in range(5):
        name = f"{i:012d}.png"
        Image.fromarray(np.full((20, 30, 3), 40 * i, np.uint8)).save(tmp_path / name)
        images.append({"id": 100 + i, "file_name": name})
        for k in range(1 + i % 3):
            annotations.append({"image_id": 100 + i, "caption": f" image {i} said {k}\n"})
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations[::-1]}))
    where = (str(tmp_path), str(path))
    splits = COCOCaptions(*where, *where, size=8, captions=2, length=20, fraction=0.2).load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [4, 1, 5]
    one = splits.test[4]
    assert one["image"].shape == (8, 8, 3) and one["image"].max() == 160
    assert [to_text(row) for row in one["captions"]] == ["image 4 said 1", "image 4 said 0"]
    assert to_text(splits.test[0]["captions"][1]) == ""
    path.write_text(json.dumps({"images": images, "annotations": annotations[1:]}))
    with pytest.raises(UserError, match="no caption of 000000000000"):
        COCOCaptions(*where).load()
    path.write_text("{}")
    with pytest.raises(UserError, match="no file of COCO"):
        COCOCaptions(*where).load()


def test_shapes_are_said_as_they_are_drawn():
    splits = CaptionedShapes(train=40, validation=1, test=1).load()
    batch = splits.train[np.arange(40)]
    for captions, label in zip(batch["captions"], batch["label"], strict=True):
        said = [to_text(row) for row in captions]
        assert all(splits.classes[label] in text for text in said)
        assert len(set(said)) == 5 and max(map(len, said)) < 64
    few = CaptionedShapes(train=10, validation=1, test=1, captions=2).load().train[:]
    np.testing.assert_array_equal(few["captions"], batch["captions"][:10, :2])


def test_rows_that_are_empty_are_never_picked():
    rows = jnp.asarray([[1, 2], [3, 0], [0, 0]])
    picked = jax.vmap(lambda key: pick_row(key, rows))(jax.random.split(jax.random.key(0), 50))
    assert {tuple(row) for row in np.asarray(picked).tolist()} == {(1, 2), (3, 0)}
