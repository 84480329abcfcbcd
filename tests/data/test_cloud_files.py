"""Meshes and clouds from files: legal dialects of OFF, and what is refused."""

import logging

import numpy as np
import pytest

from jssl.data import notes
from jssl.data.clouds import Clouds, ModelNet
from jssl.data.meshes import read_off
from jssl.errors import UserError

CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
FACES = ["4 0 1 3 2", "4 4 6 7 5", "4 0 4 5 1", "4 2 3 7 6", "4 0 2 6 4", "4 1 5 7 3"]


def cube(head="OFF\n8 6 12", corner="", face="", corners=CORNERS, faces=FACES):
    lines = [head, *(" ".join(map(str, c)) + corner for c in corners), *(f + face for f in faces)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        cube(),
        cube("OFF 8 6 12"),
        cube("OFF8 6 12"),
        cube("OFF\n8 6"),
        "# a cube\n\n"
        + cube("OFF # so it begins\n# counts\n8 6 12  # corners, faces, edges")
        + "\n",
        cube().replace("\n", "\n\n"),
        cube().replace("\n", "\r\n"),
        "\ufeff" + cube(),
        cube("COFF\n8 6 12", " 255 0 0 255"),
        cube("NOFF\n8 6 12", " 0 0 1"),
        cube("STCNOFF 8 6 12", " 0 0 1 0.5 0.5 0.5 1 0 0"),
        cube(face=" 0.1 0.2 0.3"),
        cube(face="  7"),
        cube().replace("0 0 1", "0e0 -0.0 1E0"),
        cube("OFF\n8 8 12", faces=["2 0 1", "1 3", *FACES]),
    ],
)
def test_legal_off_files_give_the_same_mesh(tmp_path, text):
    (tmp_path / "a.off").write_bytes(text.encode())
    corners, faces = read_off(tmp_path / "a.off")
    np.testing.assert_array_equal(corners, CORNERS)
    wanted = [(r[0], r[k], r[k + 1]) for f in FACES for r in [list(map(int, f.split()[1:]))]
              for k in (1, 2)]  # fmt: skip
    np.testing.assert_array_equal(faces, wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with OFF"),
        ("PLY\n" + cube(), "does not begin with OFF"),
        ("OFF\n", "numbers of corners, faces and edges are missing"),
        ("OFF BINARY\n8 6 12\n", "it is binary"),
        (cube("4OFF\n8 6 12", " 1"), "not in three dimensions: 4OFF"),
        (cube("nOFF\n8 6 12"), "not in three dimensions: nOFF"),
        (cube().rsplit("\n", 2)[0], "has 13 lines for 8 corners and 6 faces"),
        (cube("OFF\n8 5 12"), "has 1 lines more than its counts say"),
        (cube("OFF\n-8 6 12"), "'-8' is not a number of corners"),
        (cube(faces=["4 0 1 3 8", *FACES[1:]]), "names corner 8, and they are 0 to 7"),
        (cube(faces=["4 0 1 3 -1", *FACES[1:]]), "'-1' is not a number"),
        (cube(faces=["5 0 1 3 2", *FACES[1:]]), "a face of 5 corners names 4"),
        (cube("OFF\n8 0 0", faces=[]), "no faces of three corners"),
        (cube().replace("0 1 0", "0 1_0 0"), "1_0"),
        (cube().replace("0 1 0", "0 nan 0"), r"missing number \(NaN\) at corner 3, y"),
        (cube().replace("0 1 0", "0 inf 0"), "inf at corner 3, y"),
        (cube().replace("0 1 0", "0 1e39 0"), r"1e\+39 at corner 3, y"),
        (cube().replace("0 1 0", "0 1"), "corners differ in how many numbers"),
        (cube(corners=[(1, 2, 3)] * 8), "the faces have no area"),
    ],
)
def test_other_off_files_are_refused(tmp_path, text, words):
    (tmp_path / "a.off").write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        read_off(tmp_path / "a.off")
    assert "a.off" in str(caught.value) and "\n" not in str(caught.value)


def test_meshes_are_found_in_any_case_and_none_is_passed_over(tmp_path):
    for name, part, ending in (
        ("box", "Train", "off"),
        ("box", "TEST", "OFF"),
        ("cup", "train", "off"),
        ("cup", "test", "off"),
    ):
        folder = tmp_path / name / part
        folder.mkdir(parents=True)
        for k in range(3):
            (folder / f"{k}.{ending}").write_text(cube())
        (folder / "._0.off").write_bytes(b"\0\1")
    splits = ModelNet(str(tmp_path), points=4, fraction=0.34).load()
    assert splits.classes == ("box", "cup")
    np.testing.assert_array_equal(splits.test[:]["label"], [0, 0, 0, 1, 1, 1])
    (tmp_path / "lamp" / "test").mkdir(parents=True)
    (tmp_path / "lamp" / "test" / "a.off").write_text(cube())
    with pytest.raises(UserError, match="lamp has meshes for test and none for train"):
        ModelNet(str(tmp_path), points=4).load()


def listed(folder, rows="{k},1,0\n{k},2,0\n{k},3,0\n", train="a_1 a_2 b_1 b_2", test="a_3 b_3"):
    (folder / "modelnet10_shape_names.txt").write_text("a\nb\n")
    (folder / "modelnet10_train.txt").write_text(train)
    (folder / "modelnet10_test.txt").write_text(test)
    for name in ("a_1", "a_2", "a_3", "b_1", "b_2", "b_3"):
        (folder / name[0]).mkdir(exist_ok=True)
        (folder / name[0] / f"{name}.txt").write_text(rows.format(k=name[2]))
    return ModelNet(str(folder), "modelnet10", points=4, fraction=0.34).load()


def test_clouds_with_fewer_points_are_counted_once(tmp_path, caplog):
    notes.note.cache_clear()
    with caplog.at_level(logging.WARNING):
        found = listed(tmp_path).test[0]
    assert "6 of 6 clouds have fewer than 4 points (a_1, a_2, b_1, ...)" in caplog.text
    np.testing.assert_array_equal(found["points/valid"], [True] * 3 + [False])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test": "a_1 b_3"}, "a_1 is listed twice, here or in train"),
        ({"test": "b_3 b_3"}, "b_3 is listed twice"),
        ({"test": ""}, "no names of the classes listed: empty"),
        ({"rows": ""}, "a_1.txt has no points"),
        ({"rows": "1,2\n"}, "has no lines 'x,y,z,...'"),
        ({"rows": "1,2,nan\n"}, r"missing number \(NaN\) at row 1, z"),
        ({"rows": "1,2,3\n1,2,1e39\n"}, r"1e\+39 at row 2, z"),
        ({"rows": "1,2,1_0\n"}, "1_0"),
        ({"rows": "1,2,3\n1,2,3\n"}, "all points of cloud 0 are at one place"),
    ],
)
def test_listed_clouds_are_refused(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        listed(tmp_path, **options)


def clouds(path, changes):
    points = np.random.default_rng(0).normal(size=(12, 5, 3))
    arrays = {"train_points": points, "train_label": np.arange(12) % 3}
    np.savez(path, **{**arrays, **changes(points.copy())})
    return Clouds(str(path)).load()


def put(points, value, at=(3, 2, 1)):
    points[at] = value
    return points


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (lambda x: {"train_points": put(x, np.nan)}, r"\(NaN\) at cloud 3, point 2, y"),
        (lambda x: {"train_points": put(x, np.inf)}, "inf at cloud 3, point 2, y"),
        (lambda x: {"train_points": put(x, 1e39)}, r"1e\+39 at cloud 3, point 2, y"),
        (lambda x: {"train_points": x * 1e-40}, "too small for float32"),
        (lambda x: {"train_points": put(x, 1.0, 3)}, "all points of cloud 3 are at one place"),
        (lambda x: {"train_points": x[:0], "train_label": np.zeros(0, int)}, "has no points"),
        (lambda x: {"train_points": x.astype(str)}, "must hold numbers"),
        (
            lambda x: {"val_points": x, "val_label": np.zeros(12, int)},
            "holds val_label, val_points",
        ),
        (lambda x: {"train_count": np.full(12, 2.5)}, "train_count from 1 to 5"),
        (lambda x: {"train_count": np.full(12, 6)}, "train_count from 1 to 5"),
        (lambda x: {"train_label": np.arange(11)}, "needs train_points .* and train_label"),
        (lambda x: {"train_label": np.full(12, -1)}, "-1"),
    ],
)
def test_clouds_that_cannot_be_right_are_named(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        clouds(tmp_path / "own.npz", changes)


def test_padding_may_hold_anything(tmp_path):
    splits = clouds(
        tmp_path / "own.npz",
        lambda x: {"train_points": put(x, np.nan, (slice(None), 4)), "train_count": np.full(12, 4)},
    )
    assert np.isfinite(splits.train[:]["points/xyz"]).all()
