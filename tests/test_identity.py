"""A run goes on with the data, code and options that it began with, or says what changed."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.config.experiment import load
from jssl.data import ImageFolder
from jssl.data.source import ArraySource, Splits, SubsetSource
from jssl.errors import UserError
from jssl.runs import identity
from jssl.runs.run import Run, read_record, reopen, write_json


def images(folder: Path, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        path = folder / f"class{number % 2}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, compress_level=0)


@pytest.fixture
def begun(tmp_path: Path):
    """A run on a folder of images as training leaves it, without the training."""
    images(tmp_path / "images", 60)
    own = write_experiment(tmp_path, f"ImageFolder({str(tmp_path / 'images')!r}, size=8)")
    own.write_text("import helper\n" + own.read_text())
    (tmp_path / "helper.py").write_text("SCALE = 0.1\n")
    return begin(own, tmp_path / "run")


def begin(own: Path, folder: Path, **options: object) -> SimpleNamespace:
    run = Run(load(str(own)), 0, folder)
    data = identity.data_of(run.experiment.data.load())
    execution = identity.execution_of(**options)
    run.open(mesh={"data": 1, "fsdp": 1}, steps=9, **identity.check(run, data, execution).now)
    return SimpleNamespace(own=own, folder=folder, base=folder.parent)


def again(begun: SimpleNamespace, accept: bool = False, **options: object) -> identity.Standing:
    """What `train` does before its first step."""
    run = Run(load(str(begun.own)), 0, begun.folder, accept_changes=accept)
    data = identity.data_of(run.experiment.data.load())
    lines: list[str] = []
    execution = identity.execution_of(**options)
    standing = identity.check(run, data, execution, training=True, log=lines.append)
    identity.note(run, standing, training=True)
    return dataclasses.replace(standing, now={**standing.now, "said": lines})


def test_nothing_changed(begun) -> None:
    before = (begun.folder / "run.json").read_text()
    assert again(begun).changes == ()
    assert again(begun, accumulate=4).changes == ()  # exact
    begun.own.write_text(begun.own.read_text() + "\n# a remark\n")
    assert again(begun).changes == ()
    assert (begun.folder / "run.json").read_text() == before


def test_images_added_to_a_folder(begun, capsys) -> None:
    images(begun.base / "images", 20, first=60)
    with pytest.raises(UserError) as caught:
        again(begun)
    for part in (
        "the train split had 48 examples and has 64",
        "the validation split had 6 examples and has 8",
        "the test split had 6 examples and has 8",
        "choose another --workdir",
        "--accept-changes",
    ):
        assert part in str(caught.value)
    (begun.folder / "metrics.jsonl").touch()
    folder = str(begun.folder)
    for verb in (["evaluate", folder], ["report", folder], ["replay", folder, "--step", "1"]):
        assert main([*verb, "--trust", "--devices", "1"]) == 2
        assert "the test split had 6 examples and has 8" in capsys.readouterr().err
    assert main(["bisect", folder, folder, "--trust", "--devices", "1"]) == 2
    assert "the test split had 6 examples and has 8" in capsys.readouterr().err


def test_other_content_of_the_same_size(begun) -> None:
    path = begun.base / "images" / "class0" / "000.png"
    before = path.stat().st_size
    path.write_bytes((begun.base / "images" / "class0" / "002.png").read_bytes())
    assert path.stat().st_size == before
    with pytest.raises(UserError, match="examples as before, but not the same"):
        again(begun)


def test_an_edited_objective(begun) -> None:
    text = begun.own.read_text()
    begun.own.write_text(text.replace("jnp.nan, loss)", "jnp.nan, 2.0 * loss)"))
    with pytest.raises(UserError, match=r"own_run\.py has changed \(first at line 25\)"):
        again(begun)
    begun.own.write_text(text)
    (begun.base / "helper.py").write_text("SCALE = 0.2\n")
    with pytest.raises(UserError, match=r"helper\.py has changed \(first at line 1\)"):
        again(begun)
    begun.own.write_text(text.replace("import helper", "import other"))
    (begun.base / "helper.py").rename(begun.base / "other.py")
    with pytest.raises(UserError) as caught:
        again(begun)
    for part in ("helper.py is no longer part", "other.py is new", "own_run.py has changed"):
        assert part in str(caught.value)


def test_accepted_changes_are_on_record_and_become_the_runs_own(begun) -> None:
    images(begun.base / "images", 20, first=60)
    begun.own.write_text(begun.own.read_text().replace("jnp.nan, loss)", "jnp.nan, 2.0 * loss)"))
    standing = again(begun, accept=True)
    assert len(standing.changes) == 4
    assert standing.now["said"][0].startswith("accepted: the train split had 48")
    record = read_record(begun.folder)
    assert record["accepted_changes"][0]["changes"] == list(standing.changes)
    assert record["accepted_changes"][0]["trained_on"] is True
    assert record["data"]["train"]["examples"] == 64
    assert "2.0 * loss" in (begun.folder / "source" / "own_run.py").read_text()
    (old,) = begun.folder.glob("source.before.*")
    assert "2.0 * loss" not in (old / "own_run.py").read_text()
    assert again(begun).changes == ()  # the next resume needs no leave
    assert "Trained on after an accepted change: the train" in identity.accepted(record)[0]


def test_approximate_accumulation(begun) -> None:
    approximate = {"accumulate": 2, "approximate": True}
    with pytest.raises(UserError, match="exact accumulation, now with --accumulate 2 --approx"):
        again(begun, **approximate)
    other = begin(begun.own, begun.base / "other", **approximate)
    assert again(other, **approximate).changes == ()
    with pytest.raises(UserError, match="now with exact accumulation"):
        again(other)
    with pytest.raises(UserError, match=r"--accumulate 2 --approx.*, now with --accumulate 4"):
        again(other, accumulate=4, approximate=True)


def test_a_record_of_an_older_version_says_so_and_is_completed_by_training(begun) -> None:
    record = read_record(begun.folder)
    write_json(begun.folder / "run.json", {k: record[k] for k in record if k not in identity.KEYS})
    run = reopen(begun.folder, trust=True, log=lambda line: None)
    lines: list[str] = []
    data = identity.data_of(run.experiment.data.load())
    assert identity.check(run, data, None, log=lines.append).missing
    assert len(lines) == 1 and "holds no fingerprint of data and code" in lines[0]
    again(begun)
    assert {key: read_record(begun.folder)[key] for key in identity.KEYS} == {
        key: record[key] for key in identity.KEYS
    }


def test_a_planted_file_runs_on_trust_alone(begun, capsys) -> None:
    planted = begun.folder / "planted.py"
    mark = begun.base / "executed"
    planted.write_text(f"import os\nos.mkdir({str(mark)!r})\nraise SystemExit('bad')\n")
    record = read_record(begun.folder)
    write_json(begun.folder / "run.json", record | {"name": str(planted)})
    folder = str(begun.folder)
    (begun.folder / "checkpoints" / "9").mkdir(parents=True)
    init = ["train", str(begun.own), "--init-from", folder, "--workdir", f"{folder}2"]
    verbs = [
        ["evaluate", folder],
        ["evaluate", folder, "--protocol", "knn"],
        ["report", folder],
        ["replay", folder, "--step", "1"],
        ["bisect", folder, folder],
        [*init, "--devices", "1"],
    ]
    for verb in verbs:
        assert main(verb) == 2
        said = capsys.readouterr().err
        assert f"is a run of the Python file {planted}" in said and "--trust" in said
        assert not mark.exists()
    for verb in verbs:
        assert main([*verb, "--trust"]) == 2
        captured = capsys.readouterr()
        assert f"executing {planted}, as --trust allows" in captured.out
        assert "line 3" in captured.err and "SystemExit: bad" in captured.err
        assert mark.exists()
        mark.rmdir()


def test_helpers_are_copied_and_loaded_from_the_copy(begun) -> None:
    begun.own.unlink()
    (begun.base / "helper.py").unlink()
    lines: list[str] = []
    run = reopen(begun.folder, trust=True, log=lines.append)
    copy = begun.folder / "source" / "own_run.py"
    assert lines == [f"executing {copy} and, beside it, helper.py, as --trust allows"]
    assert identity.check(run, read_record(begun.folder)["data"], None).changes == ()


def test_fingerprints_see_content_order_and_membership() -> None:
    x = np.arange(60, dtype=np.uint8).reshape(20, 3)

    def of(array: np.ndarray, cut: int = 10, **more: np.ndarray) -> dict:
        source = ArraySource({"x": array, **more})
        parts = [SubsetSource(source, np.arange(a, b)) for a, b in ((0, cut), (cut, 15), (15, 20))]
        return identity.data_of(Splits(*parts, name="x"))

    same = of(x)
    assert of(x.copy()) == same
    changed = x.copy()
    changed[19, 2] += 1
    others = [of(changed), of(x[::-1]), of(x, 11), of(x, label=np.zeros(20)), of(x.astype(np.int8))]
    assert all(other != same for other in others)


def test_large_data_are_sampled(tmp_path: Path, monkeypatch) -> None:
    images(tmp_path, 12)
    splits = ImageFolder(str(tmp_path), size=8).load()
    whole = identity.data_of(splits)
    monkeypatch.setattr(identity, "_WHOLE_FILES", 100)
    monkeypatch.setattr(identity, "_ENDS", 16)
    sampled = identity.data_of(splits)
    assert sampled != whole
    assert identity.data_of(splits) == sampled
    path = tmp_path / "class1" / "011.png"  # the last in order is among those read
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert identity.data_of(splits) != sampled
    monkeypatch.setattr(identity, "_WHOLE_ARRAYS", 100)
    source = ArraySource({"x": np.zeros((10**5, 2), np.uint8)})
    one = identity._digest(source, {})
    source.arrays["x"][-1] = 1
    assert identity._digest(source, {}) != one


def test_the_record_is_plain_json(begun) -> None:
    record = json.loads((begun.folder / "run.json").read_text())
    assert set(record["code"]) == {"own_run.py", "helper.py"}
    assert record["execution"]["approximate_accumulation"] is None
