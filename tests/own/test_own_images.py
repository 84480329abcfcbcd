"""Images of one's own: what is recognised, what is refused, and how a recipe is adapted."""

import dataclasses

import jax
import numpy as np
import pytest
from own_files import csv, flat, images

from jssl.augmentations.compose import Sometimes
from jssl.config.experiment import load
from jssl.config.overrides import describe
from jssl.core import settings
from jssl.errors import UserError
from jssl.own import OwnOptions, adapt, recognise


def values(experiment, name):
    return {
        one.path: one.value
        for one in settings.settings(experiment)
        if one.path.split(".")[-1] == name and one.path.startswith(("views", "preprocess"))
    }


def test_a_flat_folder_without_labels(tmp_path) -> None:
    found = recognise(flat(tmp_path))
    assert found.modality == "image"
    assert found.line == (
        "20 images, RGB, 10x8 pixels, no labels; 2 set aside for validation, 2 for the test"
    )
    splits = found.data.load()
    assert [len(p) for p in (splits.train, splits.validation, splits.test)] == [16, 2, 2]
    assert set(splits.train[0]) == {"image"}
    train = np.stack([splits.train[i]["image"] for i in range(16)]) / 255
    assert np.allclose(found.facts["mean"], train.mean((0, 1, 2)), atol=1e-4)
    assert np.allclose(found.facts["std"], train.std((0, 1, 2)), atol=1e-4)


def test_statistics_are_not_measured_again(tmp_path) -> None:
    found = recognise(flat(tmp_path))
    facts = {**found.facts, "mean": [0.1, 0.2, 0.3]}
    again = recognise(tmp_path, OwnOptions(known=facts))
    assert again.facts["mean"] == [0.1, 0.2, 0.3]


def test_subfolders_are_classes_where_they_look_like_it(tmp_path) -> None:
    names = [f"{kind}/{k}.png" for kind in ("cat", "dog") for k in range(8)]
    images(tmp_path / "a", names)
    found = recognise(tmp_path / "a")
    assert found.classes == ("cat", "dog")
    assert "2 classes" in found.line and "labels from sub-folders" in found.line
    assert recognise(tmp_path / "a", OwnOptions(label="none")).classes == ()
    images(tmp_path / "b", [f"day{k}/{k}.png" for k in range(8)])
    assert recognise(tmp_path / "b").classes == ()  # a folder for each image is not a class
    assert len(recognise(tmp_path / "b", OwnOptions(label="folder")).classes) == 8
    images(tmp_path / "c", [*names, "outside.png"])
    assert recognise(tmp_path / "c").classes == ()


def test_split_folders_are_kept(tmp_path) -> None:
    parts = (("train", 12), ("val", 4), ("test", 4))
    images(tmp_path, [f"{p}/{c}/{k}.png" for p, n in parts for c in "ab" for k in range(n)])
    splits = recognise(tmp_path).data.load()
    assert [len(p) for p in (splits.train, splits.validation, splits.test)] == [24, 8, 8]
    assert splits.classes == ("a", "b")
    names = splits.validation.source.files[splits.validation.indices]
    assert all(name.startswith("val/") for name in names)


def test_labels_and_groups_of_csv_files(tmp_path) -> None:
    flat(tmp_path / "x")
    names = [f"img_{k:02d}" for k in range(20)]
    labels = csv(
        tmp_path / "l.csv", "id,finding", *(f"{n},{'pq'[k % 2]}" for k, n in enumerate(names))
    )
    group = csv(
        tmp_path / "g.csv", "file,patient", *(f"{n}.png,p{k // 4}" for k, n in enumerate(names))
    )
    found = recognise(tmp_path / "x", OwnOptions(label=labels, group=group))
    assert found.classes == ("p", "q")
    splits = found.data.load()
    owners = [
        {int(name[4:6]) // 4 for name in part.source.files[part.indices]}
        for part in (splits.train, splits.validation, splits.test)
    ]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 5


def test_several_labels_an_image(tmp_path) -> None:
    flat(tmp_path / "x", 8)
    rows = [f"img_{k:02d}.png,{'sun;sea' if k % 2 else 'sea'}" for k in range(8)]
    found = recognise(
        tmp_path / "x", OwnOptions(label=csv(tmp_path / "l.csv", "file,label", *rows))
    )
    assert "2 labels, several an example" in found.line and found.tags == ("sea", "sun")
    train = found.data.load().train
    example = train[0]
    assert "label" not in example
    assert example["tags"][0] == 1 and example["tags"].dtype == np.uint8
    assert train[np.arange(4)]["tags"].shape == (4, 2)


def test_thirteen_bands_of_sixteen_bits(tmp_path) -> None:
    tifffile = pytest.importorskip("tifffile")
    random = np.random.default_rng(0)
    for k in range(12):
        pixels = random.integers(500, 4000, (16, 18, 13)).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{k}.tif", pixels)  # as people write them: no axes named
    found = recognise(tmp_path)
    assert "13 bands of uint16, 18x16 pixels" in found.line
    image = found.data.load().train[0]["image"]
    assert image.shape == (16, 16, 13) and image.dtype == np.float32
    assert 0 <= image.min() < 0.1 and 0.9 < image.max() <= 1
    adapted, notes = adapt(load("image/simclr_own"), found)
    assert any("13 channels are no colours" in note for note in notes)
    batch = {"image": np.zeros((2, 64, 64, 13), np.float32), "index": np.arange(2)}
    views = jax.eval_shape(adapted.views, jax.random.key(0), batch)
    assert views["a"].shape == (2, 64, 64, 13)
    assert not any("grayscale" in path for path in values(adapted, "p"))


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_rgba(tmp_path, channels) -> None:
    flat(tmp_path, channels=channels)
    found = recognise(tmp_path, OwnOptions(channels="rgba" if channels == 4 else None))
    assert found.facts["channels"] == channels
    assert found.data.load().train[0]["image"].shape == (8, 8, channels)
    if channels == 4:
        assert recognise(tmp_path).facts["channels"] == 3  # composited on white, unless asked


def test_arrays_of_any_layout(tmp_path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "a.npz"
    np.savez(path, x=random.random((20, 5, 9, 9)), y=np.array(["u", "v"] * 10))
    found = recognise(path)
    assert "5 bands of float64" in found.line and found.classes == ("u", "v")
    assert any("channels stood first" in note for note in found.notes)
    assert found.data.load().train[0]["image"].shape == (9, 9, 5)
    np.save(tmp_path / "b.npy", random.integers(0, 256, (20, 9, 9), dtype=np.uint8))
    assert recognise(tmp_path / "b.npy").line.startswith("20 images, grey, 9x9 pixels, no labels")
    split = {
        f"x_{p}": random.integers(0, 256, (n, 9, 9, 3), dtype=np.uint8)
        for p, n in (("train", 12), ("test", 4))
    }
    np.savez(tmp_path / "c.npz", **split)
    splits = recognise(tmp_path / "c.npz").data.load()
    assert [len(p) for p in (splits.train, splits.validation, splits.test)] == [11, 1, 4]


RECIPES = ("image/simclr_cifar10", "image/mae_imagenet", "image/dino_shapes")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_takes_the_statistics(tmp_path, name) -> None:
    found = recognise(flat(tmp_path))
    base = load(name)
    adapted, _ = adapt(base, found)
    means = values(adapted, "mean")
    assert means or name == "image/dino_shapes"  # which normalises nothing
    for path, mean in means.items():
        assert list(mean) == found.facts["mean"], path
    assert values(adapted, "size") == values(base, "size")
    assert adapted.batch_size == 16


@pytest.mark.parametrize("name", RECIPES)
def test_every_crop_follows_the_size(tmp_path, name) -> None:
    found = recognise(flat(tmp_path))
    base = load(name)
    crops = values(base, "size")
    whole = max(value for path, value in crops.items() if path.startswith("views"))
    adapted, _ = adapt(base, found, OwnOptions(size=2 * whole))
    assert values(adapted, "size") == {path: 2 * value for path, value in crops.items()}
    assert adapted.data.size == 2 * max(crops.values())


def test_patches_grow_with_the_image(tmp_path) -> None:
    found = recognise(flat(tmp_path))
    adapted, _ = adapt(load("image/mae_cifar10"), found, OwnOptions(size=64))
    base = load("image/mae_cifar10")
    assert adapted.encoder.patch_size == 2 * base.encoder.patch_size
    with pytest.raises(UserError, match="must be a multiple of"):
        adapt(base, found, OwnOptions(size=33))


def test_a_method_learns_how_many_classes_there_are(tmp_path) -> None:
    images(tmp_path, [f"{kind}/{k}.png" for kind in "abc" for k in range(6)])
    adapted, _ = adapt(load("image/finetune_shapes"), recognise(tmp_path))
    assert adapted.method.classes == 3
    with pytest.raises(UserError, match="learns from labels"):
        adapt(load("image/finetune_shapes"), recognise(tmp_path, OwnOptions(label="none")))
    diet, _ = adapt(load("image/diet_cifar10"), recognise(tmp_path))
    assert diet.method.examples == 14


def test_the_recipe_itself_is_not_changed(tmp_path) -> None:
    base = load("image/simclr_cifar10")
    adapt(base, recognise(flat(tmp_path)), OwnOptions(size=64))
    assert describe(base) == describe(load("image/simclr_cifar10"))
    assert any(isinstance(op, Sometimes) for op in base.views.entries[0][1].ops)


# --- what is refused, in one sentence -------------------------------------------------------------


def refused(path, **options) -> str:
    with pytest.raises(UserError) as error:
        found = recognise(path, OwnOptions(**options))
        found.data.load()
    words = str(error.value)
    assert "\n" not in words
    return words


def test_an_image_among_pdfs(tmp_path) -> None:
    flat(tmp_path, 1)
    for k in range(3):
        (tmp_path / f"{k}.pdf").write_bytes(b"%PDF-1.7")
    assert "1 image and 3 files of other kinds (" in refused(tmp_path)


def test_a_pdf_with_the_name_of_an_image(tmp_path) -> None:
    flat(tmp_path)
    (tmp_path / "z.png").write_bytes(b"%PDF-1.7")
    assert "z.png is not a readable image" in refused(tmp_path)


def test_no_file_that_can_be_read(tmp_path) -> None:
    for k in range(6):
        (tmp_path / f"{k}.jpg").write_bytes(b"nothing")
    assert "0.jpg is not a readable image" in refused(tmp_path)


def test_an_empty_folder_and_one_of_another_kind(tmp_path) -> None:
    assert "an empty folder" in refused(tmp_path)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    assert "1 files of .pdf" in refused(tmp_path)
    assert "there is no file or folder" in refused(tmp_path / "nothing")


def test_one_image_only(tmp_path) -> None:
    assert "holds 1 image, and three splits and a batch need at least 4" in refused(
        flat(tmp_path, 1)
    )


def test_mixed_sizes_are_said_and_mixed_channels_refused(tmp_path) -> None:
    flat(tmp_path / "a")
    images(tmp_path / "a", ["large.png"], size=(30, 20))
    found = recognise(tmp_path / "a")
    assert "10x8 to 30x20 pixels" in found.line
    assert any("differ in size" in note for note in found.notes)
    images(tmp_path / "b", [f"{k}.npy" for k in range(8)], channels=5)
    images(tmp_path / "b", ["x.npy"], channels=6)
    assert "x.npy has 6 channels and others have 5" in refused(tmp_path / "b")


def test_csv_files_that_do_not_fit(tmp_path) -> None:
    flat(tmp_path / "x", 8)
    rows = [f"img_{k:02d}.png,a" for k in range(8)]
    words = refused(
        tmp_path / "x", label=csv(tmp_path / "m.csv", "file,label", *rows, "gone.png,b")
    )
    assert "m.csv names 1 files that are not in the folder, such as gone.png" in words
    words = refused(tmp_path / "x", label=csv(tmp_path / "n.csv", "file,label", *rows[1:]))
    assert "n.csv has no row for 1 of the 8 files, such as img_00.png" in words
    words = refused(tmp_path / "x", group=csv(tmp_path / "o.csv", "file,u,v", "img_00.png,1,2"))
    assert "say which holds the group" in words or "no row for" in words
    assert "it should be a CSV of file names" in refused(tmp_path / "x", label="gone.csv")


def test_a_group_in_two_split_folders(tmp_path) -> None:
    images(tmp_path / "x", [f"{p}/{k}.png" for p in ("train", "test") for k in range(6)])
    rows = [f"{p}/{k}.png,{k}" for p in ("train", "test") for k in range(6)]
    words = refused(tmp_path / "x", group=csv(tmp_path / "g.csv", "file,group", *rows))
    assert "contradict each other" in words


def test_another_modality_is_one_sentence(tmp_path) -> None:
    found = recognise(flat(tmp_path))
    with pytest.raises(
        UserError,
        match=r"a folder of images, and audio/simclr_digits takes audio; use image/simclr_own",
    ):
        adapt(load("audio/simclr_digits"), found)


def test_options_that_make_no_sense() -> None:
    for options, words in (
        ({"split_by": "colour"}, "--split-by takes"),
        ({"split_by": "group"}, "needs --group"),
        ({"validation_share": 1.0}, "--validation-share"),
    ):
        with pytest.raises(UserError, match=words):
            OwnOptions(**options)


def test_options_are_written_down_and_read_again() -> None:
    options = OwnOptions(label="none", columns=("a", "b"), size=64)
    again = OwnOptions.from_record(options.record(), {})
    assert again == options
    assert dataclasses.replace(options, known={"a": 1}) == options
    with pytest.raises(UserError, match="unknown here"):
        OwnOptions.from_record({"colour": 1}, {})


def test_bands_are_chosen_by_number(tmp_path) -> None:
    (tmp_path / "x").mkdir()
    random = np.random.default_rng(0)
    for k in range(8):
        pixels = random.integers(0, 50, (8, 8, 5)) + 1000 * np.arange(5)
        np.save(tmp_path / "x" / f"{k}.npy", pixels.astype(np.uint16))
    found = recognise(tmp_path / "x", OwnOptions(bands=(4, 2)))
    assert "2 bands of uint16" in found.line
    assert [round(low, -3) for low, _ in found.facts["limits"]] == [3000, 1000]
    image = found.data.load().train[0]["image"]
    assert image.shape == (8, 8, 2) and image.max() <= 1
    with pytest.raises(UserError, match=r"asks for band 9, and .* has the bands 1 to 5"):
        recognise(tmp_path / "x", OwnOptions(bands=(9,)))
    with pytest.raises(UserError, match="keeps 2 bands, and --channels asks for 3"):
        recognise(tmp_path / "x", OwnOptions(bands=(4, 2), channels="rgb"))
    stack = random.integers(0, 256, (12, 8, 8, 4), dtype=np.uint8)
    np.save(tmp_path / "a.npy", stack)
    chosen = recognise(tmp_path / "a.npy", OwnOptions(bands=(3, 1))).data.load().train
    assert (chosen.arrays["image"] == stack[..., [2, 0]][_rows(chosen, stack[..., 2])]).all()


def _rows(source, plane):
    """The places of a source's examples in an array whose first channel is `plane`."""
    return [
        int(np.flatnonzero((plane == x[..., 0]).all((1, 2)))[0]) for x in source.arrays["image"]
    ]


@pytest.mark.parametrize(("asked", "count"), [("grey", 1), ("rgb", 3), ("rgba", 4)])
def test_arrays_are_grey_or_colours_by_choice(tmp_path, asked, count) -> None:
    random = np.random.default_rng(0)
    for channels in (1, 3, 4):
        image = random.integers(0, 256, (8, 6, 6, channels), dtype=np.uint8)
        np.save(tmp_path / "a.npy", image)
        found = recognise(tmp_path / "a.npy", OwnOptions(channels=asked))
        assert found.data.load().train[0]["image"].shape == (6, 6, count)
    np.save(tmp_path / "a.npy", np.full((8, 6, 6, 4), [9, 9, 9, 0], np.uint8))  # transparent
    shown = recognise(tmp_path / "a.npy", OwnOptions(channels=asked)).data.load().train[0]["image"]
    assert shown[0, 0, 0] == (9 if count == 4 else 255)
    np.save(tmp_path / "a.npy", np.zeros((8, 6, 6, 5), np.uint8))
    with pytest.raises(UserError, match="--bands chooses bands"):
        recognise(tmp_path / "a.npy", OwnOptions(channels=asked))


@pytest.mark.parametrize("layout", ["last", "first", "none", "npy"])
def test_volumes_of_any_depth_and_channels(tmp_path, layout) -> None:
    random = np.random.default_rng(0)
    volume = random.normal(0, 300, (10, 5, 9, 8, 2)).astype(
        np.float32
    )  # as CT is, with air below 0
    shaped = {
        "last": volume,
        "first": np.moveaxis(volume, -1, 1),
        "none": volume[..., 0],
        "npy": volume,
    }[layout]
    path = tmp_path / ("v.npy" if layout == "npy" else "v.npz")
    if layout == "npy":
        np.save(path, shaped)
    else:
        np.savez(path, volume=shaped, label=np.arange(10) % 2)
    found = recognise(path)
    count = 1 if layout == "none" else 2
    noun = "channel" if count == 1 else "channels"
    assert found.line.startswith(
        f"10 volumes, 5 slices of 8x9 pixels, {count} {noun} of float32, "
        f"{'no labels' if layout == 'npy' else '2 classes'}; 1 set aside"
    )
    adapted, notes = adapt(load("video/simclr_own"), found)
    assert "volumes of 5 slices are resampled to 16; --length changes it" in notes
    assert adapted.data.depth == 16 and adapted.data.size == 64
    first = dataclasses.replace(adapted.data, depth=10, size=9).load().train[0]["video"]
    assert first.shape == (10, 9, 9, count) and first.dtype == np.float32
    assert 0 <= first.min() < 0.2 and 0.8 < first.max() <= 1
    assert values(adapted, "mean") and all(
        list(mean) == found.facts["mean"] for mean in values(adapted, "mean").values()
    )
    batch = {"video": np.zeros((2, 16, 64, 64, count), np.float32), "index": np.arange(2)}
    views = jax.eval_shape(adapted.views, jax.random.key(0), batch)
    assert views["a"].shape == (2, 8, 64, 64, count)


def test_slices_are_interpolated_over_the_same_extent(tmp_path) -> None:
    ramp = np.broadcast_to(np.arange(4.0)[:, None, None], (8, 4, 6, 6)).astype(np.uint8) * 40
    np.savez(tmp_path / "v.npz", volume=ramp)
    data = recognise(tmp_path / "v.npz").data
    assert data.load().train[0]["video"][:, 0, 0, 0].tolist() == [0, 40, 80, 120]
    half = dataclasses.replace(data, depth=2).load().train[0]["video"]
    assert half[:, 0, 0, 0].tolist() == [20, 100]
    clips = np.zeros((8, 4, 6, 6, 3), np.uint8)
    np.savez(tmp_path / "c.npz", video=clips)
    assert recognise(tmp_path / "c.npz").form == "clip-arrays"  # as before
