"""Every verb on every kind of damaged run folder: one sentence and a status, no traceback.

One run of a few steps is trained and copied; all commands run in this process. Most damage is found
before anything compiles.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.config.experiment import load
from jssl.errors import UserError
from jssl.evaluation.record import KIND
from jssl.reporting.run_contents import read_alarms
from jssl.runs import warm_start
from jssl.runs.run import Run
from jssl.runs.warm_start import FILE, Start
from jssl.studies import session

VERBS = {
    "evaluate": lambda own, run: ["evaluate", run],
    "evaluate protocol": lambda own, run: ["evaluate", run, "--protocol", "knn"],
    "report": lambda own, run: ["report", run],
    "replay": lambda own, run: ["replay", run, "--step", "2"],
    "bisect": lambda own, run: ["bisect", run, run],
    "init-from": lambda own, run: ["train", own, "--init-from", run, "--workdir", f"{run}.next"],
    "train": lambda own, run: ["train", own, "--workdir", run, "--no-evaluate"],
    "table": lambda own, run: ["table", run],
}
TRUSTED = VERBS.keys() - {"train", "table"}


def change(**entries: object) -> Callable[[Path], None]:
    """Replaces entries of run.json."""

    def apply(run: Path) -> None:
        path = run / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))

    return apply


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(content)


def cut(name: str) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: len(content) // 2])

    return apply


def replace_folder(name: str) -> Callable[[Path], None]:
    """A file where a folder should be."""

    def apply(run: Path) -> None:
        shutil.rmtree(run / name)
        (run / name).write_text("a file")

    return apply


def replace_file(name: str) -> Callable[[Path], None]:
    """A folder where a file should be."""

    def apply(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        (run / name).mkdir()

    return apply


def remove(name: str) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return apply


def empty(name: str) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        shutil.rmtree(run / name)
        (run / name).mkdir()

    return apply


def gone(run: Path) -> None:
    remove("source")(run)
    change(name="/x/gone.py")(run)


def cut_checkpoints(run: Path) -> None:
    for path in (run / "checkpoints").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


HARD = ("evaluate", "evaluate protocol", "report", "replay", "bisect", "init-from", "train")
MEASURED = ("evaluate", "evaluate protocol", "report")
READ = ("evaluate", "evaluate protocol", "report", "replay", "bisect", "init-from")
# damage -> (what it does, verbs that must refuse it)
DAMAGE: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "no run.json": (remove("run.json"), HARD),
    "empty run.json": (write("run.json", b""), HARD),
    "half of run.json": (cut("run.json"), HARD),
    "run.json is binary": (write("run.json", bytes(range(256))), HARD),
    "run.json is a list": (write("run.json", b"[1, 2]"), HARD),
    "run.json is a number": (write("run.json", b"7"), HARD),
    "run.json is nested too deep": (write("run.json", b"[" * 100_000), HARD),
    "run.json has no entries": (write("run.json", b"{}"), HARD),
    "run.json is a folder": (replace_file("run.json"), HARD),
    "name is a number": (change(name=3), HARD),
    "name is null": (change(name=None), HARD),
    "seed is a text": (change(seed="0"), HARD),
    "seed is negative": (change(seed=-1), HARD),
    "seed is huge": (change(seed=10**30), HARD),
    "overrides is a text": (change(overrides="a=1"), HARD),
    "overrides hold numbers": (change(overrides=[1]), HARD),
    "experiment is null": (change(experiment=None), HARD),
    "fingerprint is a number": (change(fingerprint=12), HARD),
    "start is a text": (change(start="elsewhere"), HARD),
    "start has foreign keys": (change(start={"folder": "x", "step": 1, "code": "x"}), HARD),
    "mesh is a list": (change(mesh=[1]), HARD),
    "mesh is of zero": (change(mesh={"data": 0, "fsdp": 1}), HARD),
    "data is a list": (change(data=[]), HARD),
    "data has no counts": (change(data={"train": {}, "validation": {}, "test": {}}), HARD),
    "code is a list": (change(code=[]), HARD),
    "accepted changes are numbers": (change(accepted_changes=[1]), HARD),
    "unknown experiment": (change(name="image/gone"), READ),
    "experiment outside": (change(name="../../etc/passwd"), READ),
    "a file that is gone": (
        lambda run: (remove("source")(run), change(name="/x/gone.py")(run)),
        READ,
    ),
    "an override that is gone": (change(overrides=["method.gone=1"]), READ),
    "an override of another type": (change(overrides=["method.temperature=hot"]), READ),
    "an override that cannot be right": (change(overrides=["batch_size=-1"]), READ),
    "another fingerprint": (change(fingerprint="0" * 12), (*READ[:-1], "train")),
    "other data": (
        change(
            data={
                part: {"examples": 5, "fingerprint": "0"}
                for part in ("train", "validation", "test")
            }
        ),
        (*READ[:-1], "train"),
    ),
    "other code": (change(code={"own_run.py": "0", "gone.py": "0"}), (*READ[:-1], "train")),
    "no checkpoints": (
        remove("checkpoints"),
        ("evaluate", "evaluate protocol", "report", "init-from"),
    ),
    "empty checkpoints": (
        empty("checkpoints"),
        (*MEASURED, "init-from"),
    ),
    "checkpoints are cut": (cut_checkpoints, (*MEASURED, "train")),
    "checkpoints is a file": (
        replace_folder("checkpoints"),
        (*MEASURED, "replay", "init-from", "train"),
    ),
    "metrics are binary": (write("metrics.jsonl", bytes(range(256)) * 4), ("report", "train")),
    "metrics have half a line inside": (
        write("metrics.jsonl", b'{"step": 1, "lo\n{"step": 2, "loss": 1.0}\n'),
        ("report", "train"),
    ),
    "metrics hold lists": (write("metrics.jsonl", b"[1]\n[2]\n[3]\n"), ("report", "train")),
    "metrics hold texts": (
        write("metrics.jsonl", b'{"step": 1, "loss": {}}\n{"step": 2, "loss": []}\n{"step": 3}\n'),
        ("report", "train"),
    ),
    "metrics is a folder": (replace_file("metrics.jsonl"), ("report", "train")),
    "no metrics": (remove("metrics.jsonl"), ("report",)),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    own = write_experiment(folder)
    command = ["train", str(own), "--workdir", str(folder / "run"), "--no-evaluate", "--devices"]
    fixed = ["1", "--log-every", "1", "--checkpoint-every", "4", "--probe-every", "0"]
    assert main([*command, *fixed, "--stop-at", "2"]) == 0
    return folder


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_told_in_one_sentence(name: str, trained: Path, tmp_path: Path, capsys) -> None:
    damage, refusing = DAMAGE[name]
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    damage(run)
    for verb in refusing:
        command = VERBS[verb](str(trained / "own_run.py"), str(run))
        command += ["--trust"] if verb in TRUSTED else []
        capsys.readouterr()
        status = main([*command, "--devices", "1"])
        captured = capsys.readouterr()
        last = captured.err.strip().splitlines()[-1] if captured.err.strip() else ""
        assert status == 2, (verb, status, captured.err)
        assert last.startswith("jssl: error: "), (verb, captured.err)
        assert len(last) < 1200
        assert "Traceback" not in captured.err, verb


def test_a_pickle_in_place_of_the_start_is_not_read(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "executed"),)

    run = Run(load(str(write_experiment(tmp_path))), 0, tmp_path, (), Start("nowhere", "0", 1))
    np.savez(tmp_path / FILE, x=np.array([Bad()], dtype=object))
    for content in (None, b"no archive", (tmp_path / FILE).read_bytes()[:100], b""):
        if content is not None:
            (tmp_path / FILE).write_bytes(content)
        with pytest.raises(UserError, match=r"start\.npz.* cannot be read"):
            warm_start.load(run, None)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": 1', "[[1]]", "7", '{"x": {"y": 1}}'])
def test_damaged_results_are_measured_again(content: str, trained: Path, tmp_path: Path) -> None:
    run = Run(load(str(trained / "own_run.py")), 0, tmp_path)
    run.results.write_text(content)
    lines: list[str] = []
    assert session._saved_records(run, lines.append) is None
    assert len(lines) == 1 and "results.json cannot be read" in lines[0]


@pytest.mark.parametrize("content", ["", "{", "[1]", "7", '[{"sentence": 1}]', "{}x"])
def test_damaged_alarms_are_named_on_the_page(content: str, trained: Path, tmp_path: Path) -> None:
    run = Run(load(str(trained / "own_run.py")), 0, tmp_path)
    run.alarms.write_text(content)
    assert read_alarms(run.folder) == ([], ["alarms.json is damaged and was not read"])


@pytest.mark.parametrize("content", ['{"kind": KIND}', '{"kind": KIND, "rows": 3}', "WRONG"])
def test_damaged_evaluations_are_named(content: str, tmp_path: Path, capsys) -> None:
    values = {
        key: {} for key in ("protocol", "run", "data", "rows", "details", "seeds", "versions")
    }
    whole = {"kind": KIND, "notes": [], "hardware": "", "command": "", **values}
    path = tmp_path / "knn.json"
    path.write_text(content.replace("KIND", f'"{KIND}"').replace("WRONG", json.dumps(whole)))
    for named in (path, tmp_path):
        assert main(["table", str(named)]) == 2
        assert "knn.json is damaged" in capsys.readouterr().err
