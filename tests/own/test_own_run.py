"""A run on a folder of one's own, from the command line: one training for all tests."""

import functools
import inspect
import json
import types
from pathlib import Path

import numpy as np
import pytest
from own_files import csv, flat
from tiny_runs import write_experiment

import jssl
from jssl import api
from jssl.cli import main
from jssl.errors import UserError
from jssl.own.forms import image_folder
from jssl.runs.run import reopen

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(folder of the run, folder of the images, the command)."""
    root = tmp_path_factory.mktemp("own")
    data = flat(root / "photos", 48, size=(8, 8))
    file = write_experiment(root)
    folder = root / "run"
    command = ["train", str(file), "--data", str(data), "--workdir", str(folder)]
    command += ["--set", "epochs=2", "--on-collapse", "off", "--probe-every", "0"]
    command += ["--devices", "1"]
    assert main(command) == 0
    return folder, data, command


def test_the_page_shows_what_needs_no_labels(run) -> None:
    page = (run[0] / "report.html").read_text()
    for words in (
        "48 images, RGB, 8x8 pixels, no labels; 5 set aside for validation, 5 for the test",
        "RankMe",
        "Nearest neighbours",
    ):
        assert words in page
    assert (run[0] / "evaluations" / "label_free.json").exists()


def test_the_record_says_what_was_measured(run) -> None:
    own = json.loads((run[0] / "run.json").read_text())["own"]
    assert own["path"] == str(run[1])
    assert own["form"] == "image-folder"
    assert own["facts"]["channels"] == 3 and own["facts"]["measured_on"] == 38


def test_the_example_at_the_top_of_readme(run, monkeypatch) -> None:
    block = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    calls = []

    def train(*args, **options) -> None:
        inspect.signature(jssl.train).bind(*args, **options)
        calls.append((args, options))

    folder = str(run[0])
    load = functools.partial(
        jssl.load_encoder, trust=True
    )  # the experiment is a file of the user's
    front = types.SimpleNamespace(train=train, load_encoder=load)
    code = block.replace("import jssl", "").replace(
        'load_encoder("runs/mine")', f"load_encoder({folder!r})"
    )
    exec(code, names := {"jssl": front, "images": np.zeros((3, 8, 8, 3), np.uint8)})
    assert calls == [(("image/simclr_own", "runs/mine"), {"data": "photos"})]
    assert names["features"].shape == (3, 16)
    assert names["features"].dtype == np.float32


def test_the_same_command_measures_nothing_again(run, monkeypatch, capsys) -> None:
    monkeypatch.setattr(image_folder, "channel_statistics", None)
    assert main([*run[2], "--no-evaluate"]) == 0
    assert "resumed at step" in capsys.readouterr().out
    opened = reopen(run[0], trust=True, log=lambda line: None)
    assert opened.own.line.startswith("48 images")
    again = api.make_run(run[2][1], run[0], overrides=("epochs=2",), data=run[1])
    assert again.fingerprint == opened.fingerprint


def test_data_that_changed_are_refused(run, capsys) -> None:
    flat(run[1], 50, size=(8, 8))  # two more
    try:
        assert main([*run[2], "--no-evaluate"]) == 2
        words = capsys.readouterr().err
        assert "was trained on something else" in words or "holds another run" in words
        assert "\n" not in words.strip()
    finally:
        for name in ("img_48.png", "img_49.png"):
            (run[1] / name).unlink()


def test_moved_data_go_on_and_others_are_refused(run, tmp_path, capsys) -> None:
    folder, data, command = run
    place = tmp_path / "elsewhere" / "pictures"
    place.parent.mkdir()
    data.rename(place)
    moved = [str(place) if word == str(data) else word for word in command]
    try:
        assert main(["report", str(folder), "--trust"]) == 2
        assert "are not there; if they were moved" in capsys.readouterr().err
        assert main([*moved, "--no-evaluate"]) == 0
        assert "resumed at step" in capsys.readouterr().out
        record = json.loads((folder / "run.json").read_text())
        assert record["own"]["path"] == str(place)
        assert record["own"]["moved"] == {str(place): str(data)}
        opened = reopen(folder, trust=True, log=lambda line: None)  # where it is now
        assert opened.own.path == str(place) and opened.fingerprint == record["fingerprint"]
        other = flat(tmp_path / "other", 47, size=(8, 8))
        wrong = [str(other) if word == str(data) else word for word in command]
        assert main([*wrong, "--no-evaluate"]) == 2
        words = capsys.readouterr().err.strip()
        assert "was trained on something else than there is now" in words and "\n" not in words
    finally:
        place.rename(data)
    assert main([*command, "--no-evaluate"]) == 0  # and back again
    own = json.loads((folder / "run.json").read_text())["own"]
    assert own["path"] == str(data) and "moved" not in own


def test_files_of_labels_may_move_too(tmp_path) -> None:
    quiet = {"log": lambda line: None}
    for where in ("a", "b"):
        flat(tmp_path / where / "x", 12)
        rows = [f"img_{k:02d}.png,{'pq'[k % 2]}" for k in range(12)]
        csv(tmp_path / where / "l.csv", "file,label", *rows)

    def made(where, folder="run"):
        label = {"label": str(tmp_path / where / "l.csv")}
        place = tmp_path / where / "x"
        return api.make_run(
            "image/simclr_own", tmp_path / folder, data=place, data_options=label, **quiet
        )

    first = made("a")
    assert made("b", "new").fingerprint != first.fingerprint
    first.open()
    assert made("b").fingerprint == first.fingerprint


def test_other_options_are_another_run(run) -> None:
    other = api.make_run(
        run[2][1],
        run[0],
        overrides=("epochs=2",),
        data=run[1],
        data_options={"validation_share": 0.3},
        log=lambda line: None,
    )
    with pytest.raises(UserError, match="holds another run"):
        other.open()


def test_folders_of_runs_differ_by_data_and_options(tmp_path) -> None:
    quiet = {"log": lambda line: None}
    a, b = flat(tmp_path / "a"), flat(tmp_path / "b")
    names = {
        str(api.make_run("image/simclr_own", data=path, data_options=options, **quiet).folder)
        for path in (a, b)
        for options in (None, {"label": "none"})
    }
    assert len(names) == 4
    with pytest.raises(UserError, match="data_options has no 'colour'"):
        api.make_run("image/simclr_own", data=a, data_options={"colour": 1}, **quiet)
