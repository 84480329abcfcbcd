"""Variants of the known forms, as files come: nested folders, dates, lists, rates, gaps."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from arrow_images import write_saved_images
from own_files import flat, images
from own_form_data import lines
from scipy.io import wavfile

from jssl.data.source import read_all
from jssl.data.times import parse_date
from jssl.errors import UserError
from jssl.own import OwnOptions, recognise


def test_classes_are_folders_of_any_level(tmp_path) -> None:
    names = [
        f"{site}/day{d}/{k}/{d}.png" for site in "pq" for d in range(3) for k in ("cat", "dog")
    ]
    images(tmp_path / "a", names)
    assert recognise(tmp_path / "a").classes == ("p", "q")
    for level, classes in (("folder:2", 3), ("folder:3", 2), ("folder:-1", 2), ("folder:-3", 2)):
        found = recognise(tmp_path / "a", OwnOptions(label=level))
        assert len(found.classes) == classes, level
    assert recognise(tmp_path / "a", OwnOptions(label="folder:-1")).classes == ("cat", "dog")
    with pytest.raises(UserError, match="lies in no folder of a class"):
        recognise(tmp_path / "a", OwnOptions(label="folder:4"))
    with pytest.raises(UserError, match="there is no file folder"):
        recognise(tmp_path / "a", OwnOptions(label="folder:x"))
    only = images(tmp_path / "b", [f"unpacked/{k}/{n}.png" for k in "xy" for n in range(5)])
    assert recognise(only).classes == ("x", "y")  # an archive that was unpacked into a folder


def test_one_damaged_image_is_named(tmp_path) -> None:
    flat(tmp_path, 8, size=(40, 40))
    file = tmp_path / "img_05.png"
    file.write_bytes(file.read_bytes()[:900])  # its header is whole
    with pytest.raises(UserError, match=r"img_05\.png is not a readable image") as caught:
        read_all(recognise(tmp_path).data.load().train.source)
    assert "\n" not in str(caught.value)


def test_dates_of_a_table_are_days(tmp_path) -> None:
    days = np.datetime64("2021-02-27") + np.arange(30)
    rows = [f"{k},{'' if k == 4 else day},{k % 2}" for k, day in enumerate(days)]
    found = recognise(lines(tmp_path / "t.csv", ["x,seen,label", *rows]))
    assert "2 numeric and 0 categorical columns" in found.line
    splits = found.data.load()
    row = splits.train[np.arange(len(splits.train))]["row"]
    assert np.corrcoef(row.T)[0, 1] > 0.95  # a day later is a day more, over the end of a month


@pytest.mark.parametrize(
    ("text", "date"),
    [("31.7.2020", "2020-07-31"), ("01.02.2020 13:30", "2020-02-01T13:30"), ("2020.7.1", None)],
)
def test_dates_with_dots(text, date) -> None:
    assert parse_date(text) == np.datetime64(date or "2020-07-01", "ms")


def test_dates_whose_order_is_open_are_refused(tmp_path) -> None:
    rows = [f"{1 + k // 28:02}/{1 + k % 28:02}/2020,{k}" for k in range(60)]
    path = lines(tmp_path / "us.csv", ["date,x", *rows])
    with pytest.raises(UserError, match="write the year first, such as 2016-07-31"):
        recognise(path, prefer="series")
    path = lines(tmp_path / "us2.csv", ["day,x", *rows])
    with pytest.raises(UserError, match="a date only with the year first"):
        recognise(path, prefer="series")
    dotted = [f"{1 + k % 28}.{1 + k // 28}.2020;{k},5" for k in range(56)]
    found = recognise(
        lines(tmp_path / "de.csv", ["Datum;Wert", *dotted]), OwnOptions(length=4, horizon=2)
    )
    assert found.form == "series-dated" and "2020-01-01 to 2020-02-28" in found.line


def test_lists_are_several_labels(tmp_path) -> None:
    rows = [{"text": f"a boat {k}", "kinds": ["sail", "old"] if k % 2 else []} for k in range(20)]
    path = lines(tmp_path / "l.jsonl", [json.dumps(row) for row in rows])
    found = recognise(path, OwnOptions(label="kinds"))
    assert found.tags == ("old", "sail")
    assert recognise(path).tags == ()  # a list beside the text is no hindrance
    wrong = lines(tmp_path / "w.jsonl", [json.dumps({"text": "a", "more": {"b": 1}})] * 9)
    with pytest.raises(UserError, match="must be a text, a number or a list of texts, not dict"):
        recognise(wrong)


def test_lists_of_arrow_files_are_several_labels(tmp_path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import ipc, parquet

    table = pyarrow.table(
        {"text": [f"a boat {k}" for k in range(20)], "kinds": [[k % 2, 2] for k in range(20)]}
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    found = recognise(tmp_path / "t.parquet", OwnOptions(label="kinds"), prefer="text")
    assert found.tags == ("0", "1", "2")
    folder = tmp_path / "saved"
    label = {"names": ["sail", "steam", "old"], "_type": "ClassLabel"}
    for feature in ({"feature": label, "_type": "Sequence"}, [label]):
        features = {"features": {"kinds": feature}}
        lines(folder / "dataset_info.json", [json.dumps(features)])
        lines(folder / "state.json", [json.dumps({"_data_files": [{"filename": "d.arrow"}]})])
        with (
            pyarrow.OSFile(str(folder / "d.arrow"), "wb") as sink,
            ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(table)
        found = recognise(folder, OwnOptions(label="kinds"), prefer="text")
        assert found.tags == ("old", "sail", "steam")


def test_all_sounds_of_other_rates_are_counted(tmp_path, caplog) -> None:
    for k in range(8):
        rate = (8000, 16000, 11025, 8000)[k % 4]
        wave = (9000 * np.sin(np.arange(rate // 2) * 0.2)).astype(np.int16)
        wavfile.write(
            tmp_path / f"{k}.wav", rate, np.stack([wave, wave // 2], 1) if k % 2 else wave
        )
    recognise(tmp_path)
    assert any("4 of 8 sounds have another rate than most" in one.message for one in caplog.records)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.xlsx", "save the sheet as CSV"),
        ("a.zip", "unpack it"),
        ("a.h5", "numpy.savez"),
        ("a.png", "give the folder"),
        ("a.xyzzy", "--form names it"),
    ],
)
def test_a_file_of_another_kind_says_what_to_do(name, words, tmp_path) -> None:
    path: Path = tmp_path / name
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=re.escape(words)):
        recognise(path)


def test_a_saved_data_set_of_images(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    write_saved_images(tmp_path / "a", 20, 9)
    found = recognise(tmp_path / "a", OwnOptions(group="site"))
    assert found.line == (
        "20 images, RGB, 9x9 pixels, 2 classes; 4 set aside for validation, 4 for the test"
    )
    splits = found.data.load()
    assert splits.classes == ("cat", "dog") and splits.train[0]["image"].shape == (9, 9, 3)
    owners = [{int(row) // 4 for row in part.indices} for part in (splits.train, splits.test)]
    assert not owners[0] & owners[1]
    grey = recognise(tmp_path / "a", OwnOptions(channels="grey", label="none"))
    assert set(grey.data.load().train[0]) == {"image"} and grey.facts["channels"] == 1
    assert recognise(tmp_path / "a", prefer="table").modality == "table"
    write_saved_images(tmp_path / "b", 20, 9, inside=False)
    with pytest.raises(UserError, match="the image is not in the data set"):
        recognise(tmp_path / "b", prefer="image")


def test_one_column_alone_is_a_series_or_texts(tmp_path) -> None:
    wave = [f"{np.sin(k / 5):.3f}" for k in range(80)]
    options = OwnOptions(length=8, horizon=2)
    for name, rows in (("named.csv", ["load", *wave]), ("bare.csv", wave)):
        found = recognise(lines(tmp_path / name, rows), options, prefer="series")
        assert found.line.startswith("a series of 80 steps of 1 channel; windows of 8 steps")
    texts = lines(tmp_path / "t.csv", ["review", *(f"the old boat number {k}" for k in range(30))])
    assert recognise(texts, prefer="text").line.startswith("30 texts")


def test_series_in_npy_files(tmp_path) -> None:
    random = np.random.default_rng(0)
    np.save(tmp_path / "many.npy", random.normal(size=(30, 12, 2)).astype(np.float32))
    assert recognise(tmp_path / "many.npy").line.startswith("30 series, 12 steps of 2 channels")
    np.save(tmp_path / "one.npy", random.normal(size=(80, 2)))
    found = recognise(tmp_path / "one.npy", OwnOptions(length=8, horizon=2))
    assert found.line.startswith("a series of 80 steps of 2 channels; windows of 8 steps")


def test_many_combinations_of_a_few_labels_are_found(tmp_path) -> None:
    rows = [f"{k}.5,t{k % 11};u{k % 7}" for k in range(77)]
    found = recognise(lines(tmp_path / "t.csv", ["x,label", *rows]), prefer="table")
    assert len(found.tags) == 18
