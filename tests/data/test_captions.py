import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jssl.augmentations.text import pick_row
from jssl.data.caption_files import read_captions
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
    with pytest.raises(UserError, match="need both test_folder and test_annotations"):
        COCOCaptions(*where, test_folder=str(tmp_path)).load()


IMAGES = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}]
SAID = [{"image_id": 7, "caption": "a"}, {"image_id": 8, "caption": "b"}]


@pytest.mark.parametrize(
    ("images", "said", "words"),
    [
        (IMAGES, SAID[:1], "no caption of 1 images: b.png"),
        (IMAGES, [*SAID, {"image_id": 8, "caption": None}], "1 captions that are null or blank"),
        (IMAGES, [SAID[0], {"image_id": 8, "caption": " \n"}], "null or blank, of b.png"),
        (IMAGES, [*SAID, {"image_id": 8, "caption": ""}], "null or blank, of b.png"),
        (IMAGES, [*SAID, {"image_id": 8}], "null or blank, of b.png"),
        (IMAGES, [*SAID, {"image_id": 8, "caption": 5}], "needs 'caption', and has 5"),
        (IMAGES, [*SAID, {"image_id": 9, "caption": "c"}], "of the image 9, which is not among"),
        (IMAGES, [*SAID, {"caption": "c"}], "annotations[2] needs 'image_id', and has None"),
        ([*IMAGES, {"id": 7, "file_name": "c.png"}], SAID, "the id 7 occurs twice"),
        ([*IMAGES, {"id": 9, "file_name": "a.png"}], SAID, "lists the file a.png under two ids"),
        ([*IMAGES, {"id": 9}], SAID, "images[2] needs 'file_name', and has None"),
        ([*IMAGES, "a.png"], SAID, "images[2] is no object"),
        ([], SAID, "lists no image"),
        (None, SAID, "not a file of COCO's captions: it has no list 'images'"),
        (IMAGES, {}, "not a file of COCO's captions: it has no list 'annotations'"),
    ],
)
def test_files_of_captions_say_what_is_wrong_with_them(tmp_path, images, said, words):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": said}))
    with pytest.raises(UserError) as caught:
        read_captions(path)
    assert words in str(caught.value) and str(caught.value).startswith(str(path))


def test_a_file_of_captions_that_is_no_json_is_refused(tmp_path):
    for text in ("", "[", "[]", "[" * 100_000):
        (tmp_path / "captions.json").write_text(text)
        with pytest.raises(UserError, match="not a file of COCO's captions"):
            read_captions(tmp_path / "captions.json")


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "x/../../a.png", "..", "", "..\\a.png"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    images = [{"id": 7, "file_name": name}]
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": SAID[:1]}))
    with pytest.raises(UserError, match="not inside"):
        COCOCaptions(str(tmp_path / "images"), str(path)).load()


def test_an_image_that_is_listed_and_missing_or_too_large_is_named(tmp_path, monkeypatch):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": IMAGES, "annotations": SAID}))
    with pytest.raises(UserError, match=r"there is no file .*b\.png"):
        COCOCaptions(str(tmp_path), str(path)).load()
    monkeypatch.setenv("JSSL_PIXEL_LIMIT", "63")
    with pytest.raises(UserError, match=r"a\.png has 8 x 8 = more than 63 pixels"):
        COCOCaptions(str(tmp_path), str(path)).load()


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
