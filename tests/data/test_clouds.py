"""Point clouds: procedural solids, and loaders of published formats."""

import chex
import numpy as np
import pytest

from jssl.data.clouds import Clouds, ModelNet
from jssl.data.meshes import read_off, sample, solids
from jssl.data.radar import RadHAR
from jssl.data.solids import Solids, draw, rotations
from jssl.errors import UserError


def test_a_solid_is_a_function_of_seed_split_and_index():
    few, more = Solids(train=20, validation=1, test=3).load(), Solids(train=30).load()
    chex.assert_trees_all_equal(few.train[:], more.train[:20])
    for key, value in draw(0, 12, 5).items():
        np.testing.assert_array_equal(value, more.train.arrays[key][12:17])
    assert not np.array_equal(few.test.arrays["points/xyz"], few.train.arrays["points/xyz"][:3])
    other = Solids(train=20, seed=1).load().train.arrays
    assert not np.array_equal(other["points/xyz"], few.train.arrays["points/xyz"])


def test_factors_describe_the_points():
    found = draw(3, 0, 200, noise=0.0, hidden=0.4)
    valid, xyz, label = found["points/valid"], found["points/xyz"], found["label"]
    np.testing.assert_array_equal(valid.sum(1), found["factor/points"])
    assert np.all(np.diff(valid.astype(int), axis=1) <= 0)  # padding is at the end, and zero
    np.testing.assert_array_equal(xyz[~valid], 0.0)
    np.testing.assert_array_equal(np.bincount(label), 20)
    assert 0.58 < found["factor/visible"].min() < 0.7 < 0.95 < found["factor/visible"].max() <= 1
    # Points of a sphere lie on an ellipsoid of the factors; turned, its distances stay in range.
    for i in np.flatnonzero(label == 0):
        radius = np.linalg.norm(xyz[i, valid[i]], axis=1) / found["factor/scale"][i]
        axes = [1.0, found["factor/depth"][i], found["factor/height"][i]]
        assert radius.min() > 0.99 * min(axes) and radius.max() < 1.001 * max(axes)


def test_points_are_evenly_spread_over_a_surface():
    uniform = np.random.default_rng(0).random((20000, 3))
    sphere = sample(solids()["sphere"], uniform)
    np.testing.assert_allclose(sphere.mean(0), 0, atol=0.02)
    np.testing.assert_allclose((sphere**2).mean(0), 1 / 3, atol=0.01)
    triangle = (np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]]))
    points = sample(triangle, uniform)
    np.testing.assert_allclose(points.mean(0), [2 / 3, 1 / 3, 0], atol=0.01)
    assert (points[:, 0] / 2 + points[:, 1]).max() <= 1.0


def test_rotations_are_even_and_right_handed():
    turn = rotations(np.random.default_rng(0).random((4000, 3)))
    np.testing.assert_allclose(
        turn @ turn.transpose(0, 2, 1), np.eye(3)[None] + 0 * turn, atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(turn), 1.0)
    np.testing.assert_allclose(turn.mean(0), 0, atol=0.03)


CUBE = "8 6 0\n" + "\n".join(f"{x} {y} {z}" for x in (0, 1) for y in (0, 1) for z in (0, 1)) + "\n"
CUBE += "4 0 1 3 2\n4 4 6 7 5\n4 0 4 5 1\n4 2 3 7 6\n4 0 2 6 4\n4 1 5 7 3\n"


def test_modelnet_meshes(tmp_path):
    for name, count in (("box", 4), ("cup", 3)):
        for part, head in (("train", "OFF\n"), ("test", "OFF")):
            folder = tmp_path / name / part
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{name}_{i:04d}.off").write_text(head + CUBE)
    corners, faces = read_off(tmp_path / "cup" / "test" / "cup_0001.off")
    assert corners.shape == (8, 3) and faces.shape == (12, 3)
    splits = ModelNet(str(tmp_path), points=50, fraction=0.3).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (5, 2, 7)
    assert splits.classes == ("box", "cup")
    points = splits.test.arrays["points/xyz"]
    on_a_face = np.isclose(points, 0, atol=1e-6) | np.isclose(points, 1, atol=1e-6)
    assert on_a_face.any(-1).all() and points.min() >= 0 and points.max() <= 1
    (tmp_path / "cup" / "test" / "cup_0001.off").write_text("OFF\n2 1 0\n0 0 0\n")
    with pytest.raises(UserError, match="not a mesh"):
        ModelNet(str(tmp_path)).load()
    with pytest.raises(UserError, match=r"neither modelnet40_shape_names\.txt"):
        ModelNet(str(tmp_path / "box")).load()


def test_modelnet_resampled(tmp_path):
    (tmp_path / "modelnet10_shape_names.txt").write_text("night_stand\nsofa\n")
    names = [f"{own}_{i:04d}" for own in ("sofa", "night_stand") for i in range(1, 5)]
    (tmp_path / "modelnet10_train.txt").write_text("\n".join(names[1:]))
    (tmp_path / "modelnet10_test.txt").write_text(names[0])
    for k, name in enumerate(names):
        folder = tmp_path / name.rpartition("_")[0]
        folder.mkdir(exist_ok=True)
        rows = [f"{k}.5,{i},0.25,1,0,0" for i in range(6)]
        (folder / f"{name}.txt").write_text("\n".join(rows))
    splits = ModelNet(str(tmp_path), "modelnet10", points=4, fraction=0.2).load()
    found = splits.test[0]
    np.testing.assert_array_equal(found["points/xyz"], [[0.5, i, 0.25] for i in range(4)])
    assert found["label"] == 1 and found["points/valid"].all()
    assert len(splits.train) + len(splits.validation) == 7
    (tmp_path / "sofa" / "sofa_0001.txt").unlink()
    with pytest.raises(UserError, match=r"no file .*sofa_0001"):
        ModelNet(str(tmp_path), "modelnet10").load()


def test_clouds_in_one_file(tmp_path):
    path = tmp_path / "own.npz"
    points = np.random.default_rng(0).normal(size=(12, 5, 3))
    arrays = {"train_points": points, "train_label": np.arange(12) % 3}
    np.savez(
        path, **arrays, train_count=np.full(12, 4), test_points=points, test_label=np.zeros(12, int)
    )
    splits = Clouds(str(path)).load()
    np.testing.assert_array_equal(splits.train[0]["points/valid"], [True] * 4 + [False])
    np.testing.assert_array_equal(splits.train[0]["points/xyz"][4], 0.0)
    assert splits.test[0]["points/valid"].all()
    np.savez(path, train_points=points[:, :, :2], train_label=np.zeros(12, int))
    with pytest.raises(UserError, match="train_points"):
        Clouds(str(path)).load()
    with pytest.raises(UserError, match="no file"):
        Clouds(str(tmp_path / "none.npz")).load()


def message(number: int, x: float) -> str:
    return f"---\nheader:\n  seq: 1\npoint_id: {number}\nx: {x}\ny: 2.0\nz: -1.5\nvelocity: 0.0\n"


def test_radhar_as_published_and_compact(tmp_path):
    wanted = []
    for part, names in (("Train", ("a", "b", "c")), ("Test", ("d",))):
        for label in ("jump", "walk"):
            folder = tmp_path / "Data" / part / label
            folder.mkdir(parents=True)
            for k, name in enumerate(names):
                frames = [2, 3, 1, 2, 2]
                text = "".join(
                    message(i, k + f / 8) for f, count in enumerate(frames) for i in range(count)
                )
                (folder / f"{name}.txt").write_text(text)
                wanted.append((label, part == "Test", k, frames))
    spec = {"frames": 2, "step": 2, "points": 8, "fraction": 0.34}
    splits = RadHAR(str(tmp_path / "Data"), **spec).load()
    assert splits.classes == ("jump", "walk")
    # Four recordings train, two validate, two test; each has two windows.
    assert [len(p) for p in (splits.train, splits.validation, splits.test)] == [8, 4, 4]
    first = splits.test[0]
    assert first["points/valid"].sum() == 5 and splits.test[1]["points/valid"].sum() == 3
    assert sorted(first["points/xyz"][:5, 0]) == [0, 0, 0.125, 0.125, 0.125]
    train, held = (
        {
            (int(k), int(x[0, 0]))
            for k, x in zip(p.arrays["label"], p.arrays["points/xyz"], strict=True)
        }
        for p in (splits.train, splits.validation)
    )
    assert len(train) == 4 and len(held) == 2 and not train & held  # by whole recordings

    counts = np.array([f for _, _, _, frames in wanted for f in frames])
    xyz = [
        (512 * (k + f / 8), 1024, -768)
        for _, _, k, frames in wanted
        for f, count in enumerate(frames)
        for _ in range(count)
    ]
    path = tmp_path / "radhar.npz"
    np.savez(
        path,
        xyz_x512=np.asarray(xyz, np.int16),
        frame_offsets=np.concatenate([[0], np.cumsum(counts)]),
        recording_offsets=np.arange(len(wanted) + 1) * 5,
        recording_label=np.array([("jump", "walk").index(w[0]) for w in wanted]),
        recording_is_test=np.array([w[1] for w in wanted]),
        class_names=np.array(["jump", "walk"]),
    )
    compact = RadHAR(str(path), **spec).load()
    for part in ("train", "validation", "test"):
        chex.assert_trees_all_equal(getattr(splits, part)[:], getattr(compact, part)[:])
    cut = tmp_path / "Data" / "Test" / "walk" / "d.txt"
    cut.write_text(message(3, 9.0) + message(0, 8.0) + message(0, 7.0) + message(0, 6.0))
    more = RadHAR(str(tmp_path / "Data"), **spec).load().test
    assert sorted(more[len(more) - 2]["points/xyz"][:2, 0]) == [8, 9]  # the end of a frame is kept
    (tmp_path / "Data" / "Test").rename(tmp_path / "Data" / "TEST")
    assert len(RadHAR(str(tmp_path / "Data"), **spec).load().test) == len(more)
    cut = tmp_path / "Data" / "TEST" / "walk" / "d.txt"
    cut.write_text("point_id: 0\nx: none\n")
    with pytest.raises(UserError, match="no messages with point_id"):
        RadHAR(str(tmp_path / "Data"), **spec).load()
