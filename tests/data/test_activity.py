import numpy as np
import pytest

from jssl.data.activity import CHANNELS, PhoneAndWatch
from jssl.errors import UserError

NAMES = ("SEATED", "WALKING")


def write(folder, people=11):
    """A recording of 2 s for each person at 100 Hz, both as published and as one file."""
    draw = np.random.default_rng(0)
    arrays = {"imu": [], "t": [], "label": [], "offsets": [0], "subject": []}
    for person in range(1, people + 1):
        time = np.cumsum(draw.integers(5, 16, 200))
        imu = draw.integers(-4000, 4000, (200, 6)).astype(np.int16)
        label = (np.arange(200) >= 30 + 10 * person).astype(np.uint8)
        name = f"s{person:02d}"
        (folder / "DATA" / name).mkdir(parents=True)
        header = ",".join((*CHANNELS, "timestamp", "label"))
        scale = [0.0025] * 3 + [0.001] * 3
        rows = [
            ",".join([*(f"{x:.6f}" for x in row * scale), str(1657533977813 + t), NAMES[k]])
            for row, t, k in zip(imu, time, label, strict=True)
        ]
        path = folder / "DATA" / name / f"{name}_01_sp.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        for key, value in (("imu", imu), ("t", time), ("label", label)):
            arrays[key].append(value)
        arrays["offsets"].append(200 * person)
        arrays["subject"].append(person)
    whole = {key: np.concatenate(arrays[key]) for key in ("imu", "t", "label")}
    np.savez(
        folder / "har.npz",
        imu_int16=whole["imu"],
        scale=np.asarray(scale, np.float32),
        t_ms=whole["t"],
        label=whole["label"],
        offsets=np.asarray(arrays["offsets"]),
        subject=np.asarray(arrays["subject"], np.uint8),
        class_names=np.asarray(NAMES),
    )


def test_activity_as_published_and_compact(tmp_path):
    write(tmp_path)
    spec = {"length": 16, "step": 8, "validation": 1, "test": 2}
    published = PhoneAndWatch(str(tmp_path / "DATA"), **spec).load()
    compact = PhoneAndWatch(str(tmp_path / "har.npz"), **spec).load()
    assert published.classes == compact.classes == NAMES
    for part in ("train", "validation", "test"):
        a, b = (getattr(splits, part)[:] for splits in (published, compact))
        assert a["series"].shape == b["series"].shape and a["series"].shape[1:] == (16, 6)
        np.testing.assert_allclose(a["series"], b["series"], atol=1e-5)
        np.testing.assert_array_equal(a["label"], b["label"])
    assert len(published.train) > len(published.test) > len(published.validation)


def test_a_window_is_read_at_even_times_and_called_what_most_of_it_is(tmp_path):
    (tmp_path / "DATA").mkdir()
    for person in "abc":
        folder = tmp_path / "DATA" / person
        folder.mkdir()
        time = np.asarray([0, 30, 90, 100, 160, 200, 240])
        rows = [
            f"{9.80665 * t},0,0,{t},0,{-t},{t},{'WALKING' if t >= 90 else 'SEATED'}" for t in time
        ]
        header = ",".join((*CHANNELS, "timestamp", "label"))
        (folder / f"{person}_01_sw.csv").write_text("\n".join([header, *rows]))
    spec = PhoneAndWatch(
        str(tmp_path / "DATA"), device="sw", length=8, step=3, validation=1, test=1
    )
    found = spec.load().train[:]
    times = np.arange(12) * 20.0
    np.testing.assert_allclose(found["series"][0, :, 0], times[:8], atol=1e-4)
    np.testing.assert_allclose(found["series"][1, :, 3], times[3:11], atol=1e-4)
    np.testing.assert_allclose(found["series"][1, :, 5], -times[3:11], atol=1e-4)
    assert found["label"].tolist() == [0, 1]  # 5 of 8 times before 90 ms, then 2 of 8


def test_activity_says_what_is_wrong(tmp_path):
    write(tmp_path)
    folder, file = tmp_path / "DATA", tmp_path / "har.npz"
    for spec, sentence in (
        (PhoneAndWatch(str(folder), device="phone"), "no device is called 'phone'"),
        (PhoneAndWatch(str(folder), device="sw"), "has no recordings"),
        (
            PhoneAndWatch(str(file), validation=8),
            "11 people: 8 for validation and 6 for the test leave nobody",
        ),
        (PhoneAndWatch(str(file), validation=1, test=1, length=900), "no window of 900 times"),
        (PhoneAndWatch(str(tmp_path / "none.npz"), validation=1, test=1), "none.npz"),
    ):
        with pytest.raises(UserError, match=sentence):
            spec.load()
    csv = folder / "s01" / "s01_01_sp.csv"
    lines = csv.read_text().splitlines()
    few = {"validation": 1, "test": 1}
    for text, sentence in (
        ("", "has no rows"),
        ("\n".join([lines[0].replace("x_acc", "x"), lines[1]]), "no columns x_acc"),
        ("\n".join([*lines[:3], "1,2"]), "not a table of numbers"),
        ("\n".join([lines[0], lines[1].replace(".", "?", 1)]), "not a table of numbers"),
    ):
        csv.write_text(text)
        with pytest.raises(UserError, match=sentence):
            PhoneAndWatch(str(folder), **few).load()
    np.savez(file, imu_int16=np.zeros((3, 6)))
    with pytest.raises(UserError, match="lacks the arrays scale, t_ms"):
        PhoneAndWatch(str(file), **few).load()
    assert PhoneAndWatch("nowhere").smoke().load().train[0]["series"].shape == (64, 6)
