"""What the commands print, write and return when all is well."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl import __version__
from jssl.cli import main
from jssl.config import experiment as registry
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options
from jssl.runs.run import reopen
from jssl.studies.session import restore


def test_list_names_everything(capsys) -> None:
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in (*registry.names(), *registry.methods()):
        assert f"  {name} " in text


def test_list_for_machines(capsys) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in found["experiments"]] == registry.names()
    assert [entry["name"] for entry in found["methods"]] == sorted(registry.methods())
    for entry in found["experiments"] + found["methods"]:
        assert all(isinstance(value, str) and value for value in entry.values()), entry
        assert {"name", "family", "paper", "about"} <= entry.keys()


def test_help_and_version(capsys) -> None:
    for arguments, text in ((["--version"], __version__), (["train", "--help"], "--accumulate")):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 0
        assert text in capsys.readouterr().out


def test_list_imports_no_other_framework() -> None:
    script = (
        "import sys\nfrom jssl.cli import main\nmain(['list'])\n"
        "bad = {'tensorflow', 'torch', 'matplotlib'} & set(sys.modules)\nassert not bad, bad"
    )
    root = Path(__file__).resolve().parent.parent
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, stdout=subprocess.PIPE)


def test_train_writes_a_folder_and_goes_on_where_it_stopped(tmp_path: Path, capsys) -> None:
    experiment, folder = write_experiment(tmp_path), tmp_path / "run"
    command = ["train", str(experiment), "--workdir", str(folder), "--no-evaluate", "--seed", "3"]
    command += ["--devices", "2", "--log-every", "1", "--checkpoint-every", "4"]
    command += ["--set", "method.temperature=0.5", "optimizer.name=adamw"]
    assert main([*command, "--stop-at", "5"]) == 0
    said = capsys.readouterr().out
    assert "9 steps, global batch 16 on 2 device(s), adamw" in said
    assert "stopped at step 5 of 9" in said
    assert main(command) == 0
    assert "resumed at step 5 of 9" in capsys.readouterr().out
    assert main(command) == 0
    assert "resumed at step 9 of 9" in capsys.readouterr().out

    record = json.loads((folder / "run.json").read_text())
    assert record["seed"] == 3
    assert record["overrides"] == ["method.temperature=0.5", "optimizer.name=adamw"]
    assert record["experiment"]["method"]["temperature"] == 0.5
    assert record["experiment"]["optimizer"]["name"] == "adamw"
    assert {"jax", "flax", "optax", "python", "jssl"} <= record["versions"].keys()
    rows = [row for row in read_metrics(folder) if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 10))
    assert np.isfinite([row["loss"] for row in rows]).all()
    assert list((folder / "tensorboard").glob("events*"))

    run = reopen(folder, trust=True)
    assert run.experiment.method.temperature == 0.5
    program, state, _ = restore(run, Options(), log=print)
    assert int(state.step) == 9
    assert program.mesh.size == 8


def test_a_run_is_restored_where_other_device_counts_divide_its_batch(tmp_path: Path) -> None:
    experiment, folder = write_experiment(tmp_path), tmp_path / "run"
    command = ["train", str(experiment), "--workdir", str(folder), "--no-evaluate"]
    assert main([*command, "--devices", "1", "--stop-at", "1", "--set", "batch_size=18"]) == 0
    program, state, _ = restore(reopen(folder, trust=True), Options())
    assert program.mesh.size == 6
    assert int(state.step) == 1


def test_the_default_folder_is_found_again(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = write_experiment(tmp_path).name
    command = ["train", experiment, "--no-evaluate", "--devices", "1", "--set", "batch_size=32"]
    assert main([*command, "--stop-at", "1"]) == 0
    assert main([*command, "--stop-at", "2"]) == 0
    assert "resumed at step 1" in capsys.readouterr().out
    folder = tmp_path / "runs" / "own_run" / "batch_size=32,seed0"
    assert (folder / "run.json").is_file()
    monkeypatch.chdir("/")  # a run finds its file from any folder
    assert reopen(folder, trust=True).experiment.batch_size == 32


def test_an_address_is_no_folder_of_a_run(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ("gs://bucket/run", "s3://bucket/run"):
        assert main(["train", "image/simclr_digits", "--workdir", address]) == 2
        assert "is an address" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
