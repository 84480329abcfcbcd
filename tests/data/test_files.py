import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jssl.data import ImageFolder, Npz, fingerprint, labels, read_all
from jssl.errors import UserError

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


def images(n, seed=0, shape=(6, 6, 3)):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


# npz ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        ("train_image", "train_label", "test_image", "test_label"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_npz_understands_the_usual_names(tmp_path, keys):
    arrays = (images(30), np.arange(30)[:, None] % 3, images(9, 1), np.arange(9)[:, None] % 3)
    np.savez(tmp_path / "set.npz", **dict(zip(keys, arrays, strict=True)))
    splits = Npz(str(tmp_path / "set.npz")).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (27, 3, 9)
    assert splits.name == "set"
    assert splits.classes == ("0", "1", "2")
    np.testing.assert_array_equal(splits.test[4]["image"], arrays[2][4])
    both = np.sort(np.concatenate([splits.train.indices, splits.validation.indices]))
    np.testing.assert_array_equal(both, np.arange(30))


def test_npz_of_one_set_carves_both_and_keeps_factors_and_names(tmp_path):
    np.savez_compressed(
        tmp_path / "one.npz",
        **{"image": images(50), "label": np.arange(50) % 5, "factor/x": np.arange(50.0)},
        classes=np.array(list("abcde")),
    )
    splits = Npz(str(tmp_path / "one.npz"), fraction=0.2).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (30, 10, 10)
    assert splits.classes == tuple("abcde")
    seen = np.concatenate([read_all(s)["factor/x"] for s in (splits.train, splits.validation)])
    seen = np.sort(np.concatenate([seen, read_all(splits.test)["factor/x"]]))
    np.testing.assert_array_equal(seen, np.arange(50))
    assert np.bincount(labels(splits.test)).tolist() == [2] * 5


def test_npz_given_validation_is_used(tmp_path):
    parts = {f"{p}_{k}": v for p in ("train", "val", "test") for k, v in
             (("image", images(9)), ("label", np.arange(9)))}  # fmt: skip
    np.savez(tmp_path / "a.npz", **parts)
    assert len(Npz(str(tmp_path / "a.npz")).load().validation) == 9


def test_npz_says_what_is_wrong_in_one_sentence(tmp_path):
    good = tmp_path / "good.npz"
    np.savez(good, image=images(20), label=np.arange(20) % 2)
    cases = {
        "missing.npz": (None, "there is no file"),
        "noise.npz": (b"not a zip", "not a readable .npz"),
        "empty.npz": (b"", "not a readable .npz"),
        "cut.npz": (good.read_bytes()[:-200], "not a readable .npz"),
        "bits.npz": (_flip(good.read_bytes(), 500), "not a readable .npz"),
    }
    np.save(tmp_path / "array.npy", np.zeros(3))
    cases["array.npz"] = ((tmp_path / "array.npy").read_bytes(), "not a readable .npz")
    for name, (content, words) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        _one_sentence(Npz(str(tmp_path / name)), words, name)
    for arrays, words in (
        ({"a": images(3), "b": images(3)}, "arrays a, b; it needs image"),
        ({"train_label": np.arange(3), "test_image": images(3)}, "it needs image"),
        ({"image": images(20) / 255}, "uint8 images"),
        ({"image": images(20).reshape(20, -1)}, r"20, 108"),
        ({"image": images(20), "label": np.arange(19)}, "label 19"),
        ({"image": np.array([None, 1])}, "not a readable .npz"),
    ):
        np.savez(tmp_path / "shape.npz", **arrays)
        _one_sentence(Npz(str(tmp_path / "shape.npz")), words, "shape.npz")


def test_the_documented_route_from_a_jpeg_pack(tmp_path):
    if not (SHARED / "unpack.py").exists():
        pytest.skip("the shared image packs are not beside this checkout")
    out = tmp_path / "cifar10.npz"
    command = [sys.executable, "-B", str(SHARED / "unpack.py"), "cifar10_jpeg", str(out), "200"]
    subprocess.run(command, check=True, capture_output=True, cwd=SHARED)
    splits = Npz(str(out)).load()
    assert splits.train[0]["image"].shape == (32, 32, 3)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (180, 20, 200)
    assert np.bincount(labels(splits.validation)).tolist() == [2] * 10
    np.testing.assert_array_equal(labels(splits.test), np.arange(200) % 10)


# folders ------------------------------------------------------------------------------------------


def folder(root, per_class=10, classes=("cat", "dog"), seed=0):
    for k, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i, image in enumerate(images(per_class, seed + k, (12, 20, 3))):
            Image.fromarray(image).save(root / name / f"{i:03}.png")
    return root


def test_folder_of_classes(tmp_path):
    root = folder(tmp_path / "pets", 10)
    (root / "cat" / ".DS_Store").write_bytes(b"x")
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "empty").mkdir()
    splits = ImageFolder(str(root), size=12).load()
    assert splits.name == "pets"
    assert splits.classes == ("cat", "dog")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (16, 2, 2)
    for part in (splits.train, splits.validation, splits.test):
        assert len(set(labels(part))) == 2
    again = ImageFolder(str(root), size=12).load()
    np.testing.assert_array_equal(again.train.indices, splits.train.indices)

    source = pickle.loads(pickle.dumps(splits.train)).source
    batch = source[np.array([0, 13])]
    assert batch["image"].shape == (2, 12, 12, 3)
    np.testing.assert_array_equal(batch["label"], [0, 1])
    # The shorter side already has the size asked for, so the centre comes back untouched.
    np.testing.assert_array_equal(batch["image"][1], images(10, 1, (12, 20, 3))[3][:, 4:16])
    before = fingerprint(splits.train)
    Image.new("RGB", (30, 30)).save(root / "cat" / "000.png")
    assert fingerprint(ImageFolder(str(root), size=12).load().train) != before


def test_folder_with_splits(tmp_path):
    folder(tmp_path / "train", 10)
    folder(tmp_path / "val", 3, seed=5)
    splits = ImageFolder(str(tmp_path), size=8, channels=1).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (18, 2, 6)
    assert splits.test[0]["image"].shape == (8, 8, 1)
    folder(tmp_path / "test", 4, seed=9, classes=("dog",))
    splits = ImageFolder(str(tmp_path), size=8).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (20, 6, 4)
    assert set(labels(splits.test)) == {1}
    folder(tmp_path / "test" / "more", 1, classes=("bird",))
    _one_sentence(ImageFolder(str(tmp_path)), "'more', which train lacks", str(tmp_path / "test"))


def test_folder_names_the_unreadable_file(tmp_path):
    root = folder(tmp_path / "pets", 10)
    bad = root / "dog" / "004.png"
    sound = bad.read_bytes()
    bad.write_bytes(b"GIF?")
    _one_sentence(ImageFolder(str(root)), "not a readable image; remove it", str(bad))
    (root / "cat" / "001.png").write_bytes(b"")
    _one_sentence(ImageFolder(str(root)), r"and 1 more", str(root / "cat" / "001.png"))
    shutil.copy(root / "cat" / "000.png", root / "cat" / "001.png")
    bad.write_bytes(sound[: len(sound) // 2])  # sound header, cut body: found when it is read
    source = ImageFolder(str(root), size=8).load().train.source
    with pytest.raises(UserError, match=r"004\.png is not a readable image"):
        read_all(source)

    (tmp_path / "void").mkdir()
    _one_sentence(ImageFolder(str(tmp_path / "void")), "holds no images", "void")
    _one_sentence(ImageFolder(str(tmp_path / "nowhere")), "there is no folder", "nowhere")
    _one_sentence(ImageFolder(str(root), channels=2), "2 channels", "")


def _flip(content, at):
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


def _one_sentence(spec, words, name):
    with pytest.raises(UserError, match=words) as caught:
        spec.load()
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_npz_takes_texts_as_labels_and_checks_the_names_of_classes(tmp_path, caplog):
    path = tmp_path / "set.npz"
    words = np.array(["dog", "cat"] * 10)
    np.savez(path, image=images(20), label=words, lable=np.arange(20))
    splits = Npz(str(path)).load()
    assert splits.classes == ("cat", "dog")
    assert "is read without its arrays lable" in caplog.text
    np.savez(path, image=images(20), label=np.arange(20) % 3, classes=np.array(["a", "b"]))
    _one_sentence(Npz(str(path)), "from 0 to 2, and there are 2 names of classes", str(path))
    np.savez(path, image=images(20), label=words, classes=np.array(["dog", "cat"]))
    assert Npz(str(path)).load().classes == ("dog", "cat")
    np.savez(path, image=images(20), label=words.astype(object))
    _one_sentence(Npz(str(path)), "holds Python objects, which can run code", str(path))
    np.savez(path, image=images(20), label=np.where(np.arange(20) == 7, np.nan, 1.0))
    _one_sentence(Npz(str(path)), "row 7 has no label", str(path))
    np.savez(path, image=images(20), images=images(20))
    _one_sentence(Npz(str(path)), "holds image and images, which are the same", str(path))


def test_folder_notes_files_of_several_frames_and_refuses_too_many_pixels(
    tmp_path, caplog, monkeypatch
):
    root = folder(tmp_path / "pets", 10)
    first = Image.new("RGB", (8, 8), (255, 0, 0))
    first.save(root / "cat" / "moving.gif", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    splits = ImageFolder(str(root), size=8, channels=3).load()
    assert (
        "1 files hold several frames, of which the first is taken (cat/moving.gif)" in caplog.text
    )
    monkeypatch.setenv("JSSL_PIXEL_LIMIT", "50")
    _one_sentence(ImageFolder(str(root)), "more than 50 pixels", "000.png")
    with pytest.raises(UserError, match="more than 50 pixels"):  # also without a check at the start
        splits.train.source[np.arange(3)]
    assert len(ImageFolder(str(root), check=False).load().train) == 17
