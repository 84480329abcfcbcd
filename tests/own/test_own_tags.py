"""Several labels an example: how files say them, and a run that is judged by them."""

import json

import numpy as np
import pytest
from own_files import csv, flat
from own_form_data import MAKERS, lines
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.data.source import tags
from jssl.errors import UserError
from jssl.evaluation import run_table
from jssl.own import OwnOptions, recognise


def table(found):
    splits = found.data.load()
    return splits.tags, tags(splits.train)


def test_a_column_for_each_label_of_images(tmp_path) -> None:
    flat(tmp_path / "x", 12)
    rows = [f"img_{k:02d}.png,{k % 2},{k // 6},{k}" for k in range(12)]
    path = csv(tmp_path / "l.csv", "file,sea,sun,age", *rows)
    with pytest.raises(UserError, match="say which holds the label"):
        recognise(tmp_path / "x", OwnOptions(label=path))
    found = recognise(tmp_path / "x", OwnOptions(label=f"{path}:sea,sun"))
    names, known = table(found)
    assert names == found.tags == ("sea", "sun") and known.shape == (10, 2)
    with pytest.raises(UserError, match=r"the age of img_02\.png is '2', and a column for a label"):
        recognise(tmp_path / "x", OwnOptions(label=f"{path}:sea,age"))
    only = csv(tmp_path / "o.csv", "file,sea,sun", *(row.rpartition(",")[0] for row in rows))
    assert table(recognise(tmp_path / "x", OwnOptions(label=only)))[0] == names


def test_tables_texts_and_arrays(tmp_path) -> None:
    marks = ["a;b", "b", "", "a|c"]
    rows = [f"{k * 0.5},{k % 2},{k // 20},{marks[k % 4]}" for k in range(40)]
    path = lines(tmp_path / "t.csv", ["size,p,q,topics", *rows])
    found = recognise(path, OwnOptions(label="topics"), prefer="table")
    assert "3 labels, several an example" in found.line
    names, known = table(found)
    assert names == ("a", "b", "c") and known.sum() < known.size
    splits = recognise(path, OwnOptions(label="p,q", columns=("size",)), prefer="table").data.load()
    assert splits.tags == ("p", "q") and set(splits.train[0]) == {"row", "tags"}
    with pytest.raises(UserError, match=r"column 'topics' is 'a;b', and a column for a label"):
        recognise(path, OwnOptions(label="p,topics"), prefer="table")
    said = [{"text": f"a text of some length {k}", "topics": marks[k % 2]} for k in range(30)]
    texts = lines(tmp_path / "t.jsonl", [json.dumps(one) for one in said])
    assert recognise(texts, OwnOptions(label="topics")).tags == ("a", "b")
    image = np.random.default_rng(0).integers(0, 255, (20, 6, 6)).astype(np.uint8)
    label = np.arange(60).reshape(20, 3) % 2
    np.savez(tmp_path / "i.npz", image=image, label=label, classes=["x", "y", "z"])
    assert table(recognise(tmp_path / "i.npz"))[0] == ("x", "y", "z")
    np.savez(tmp_path / "i.npz", image=image, label=label + 1)
    with pytest.raises(UserError, match="must be 0 or 1 for each of 3 labels"):
        recognise(tmp_path / "i.npz")
    prose = lines(tmp_path / "p.csv", ["x,note", *(f"{k}.5,w{k};v{k}" for k in range(30))])
    with pytest.raises(UserError, match="is of two examples"):
        recognise(prose, OwnOptions(label="note"), prefer="table")


def test_sounds_have_the_labels_of_their_files(tmp_path) -> None:
    MAKERS["sounds"](tmp_path)
    names = [f"{'cat' if k % 2 else 'dog'}/{k}.wav" for k in range(12)]
    path = csv(tmp_path / "l.csv", "file,label", *(f"{n},{n[:3]};all" for n in names))
    names, known = table(recognise(tmp_path / "sounds", OwnOptions(label=path, length=0.1)))
    assert names == ("all", "cat", "dog") and known.shape == (40, 3) and known[:, 0].all()


def test_a_run_is_judged_by_its_labels(tmp_path, capsys) -> None:
    data = flat(tmp_path / "photos", 48, size=(8, 8))
    marks = ["dark", "dark;warm", "warm", "warm"]  # by the brightness, which rises with k % 8
    rows = [f"img_{k:02d}.png,{marks[k % 8 // 2]}" for k in range(48)]
    label = csv(tmp_path / "l.csv", "file,label", *rows)
    folder = tmp_path / "run"
    command = ["train", str(write_experiment(tmp_path)), "--data", str(data), "--label", label]
    command += ["--validation-share", "0.2", "--test-share", "0.3", "--workdir", str(folder)]
    command += ["--set", "epochs=1", "--on-collapse", "off", "--devices", "1"]
    assert main(command) == 0
    assert "2 labels, several an example" in capsys.readouterr().out
    (record,) = run_table.load(folder / "results.json")
    assert record.protocol["name"] == "multi_label" and record.data["labels"] == 2
    assert list(record.rows) == ["trained", "untrained", "raw image"]
    assert record.rows["raw image"]["mean AP"]["value"] > 0.8  # a colour tells the label
    page = (folder / "report.html").read_text()
    for words in ("mean AP", "macro F1", "untrained", "2 labels, several an example"):
        assert words in page
    assert main(["evaluate", str(folder), "--trust", "--protocol", "linear"]) == 2
    assert "several labels an example: --protocol multi_label" in capsys.readouterr().err
