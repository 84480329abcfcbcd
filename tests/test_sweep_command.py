"""Many runs as one program: each is the run that the same command alone would make."""

from pathlib import Path

import chex
import jax
import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.config.experiment import load
from jssl.errors import UserError
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options
from jssl.runs.restoring import prepare
from jssl.runs.run import reopen
from jssl.runs.sinks import resolve
from jssl.studies.batched_runs import grid, groups
from jssl.studies.sweep_runner import Options as SweepOptions
from jssl.studies.sweep_runner import interval, sweep
from jssl.training import sharding
from jssl.training.checkpoint import Checkpoints
from jssl.training.program import build

pytestmark = pytest.mark.rotating(shares=9)


def state_of(folder: Path):
    run = reopen(folder, trust=True)
    program, _ = prepare(run, Options(devices=1))
    checkpoints = Checkpoints(run.checkpoints)
    try:
        return jax.device_get(checkpoints.restore(program.abstract_state)[0])
    finally:
        checkpoints.close()


def test_each_run_is_the_run_alone(tmp_path: Path, capsys) -> None:
    """Two temperatures and two seeds over two devices, stopped on the way, against four runs."""
    name = str(write_experiment(tmp_path))
    settings = ("method.temperature=0.1", "method.temperature=0.5")
    swept = str(tmp_path / "swept")
    command = ["sweep", name, "--seeds", "2", "--workdir", swept, "--devices", "2"]
    command += ["--grid", "method.temperature=0.1,0.5", "--log-every", "3"]
    assert main([*command, "--stop-at", "4"]) == 0
    assert main(command) == 0
    output = capsys.readouterr().out
    assert "4 runs as one program (vmap) on 2 device(s)" in output
    assert "resumed at step 4 of 9" in output
    table = [line for line in output.splitlines() if line.startswith("| method.temperature")]
    assert len(table) == 4  # two points, after either command
    assert all("±" in line for line in table[2:])
    for setting in settings:
        for seed in (0, 1):
            alone = tmp_path / f"{setting}-{seed}"
            train = ["train", name, "--seed", str(seed), "--set", setting, "--workdir", str(alone)]
            train += ["--no-evaluate", "--probe-every", "0", "--log-every", "3", "--devices", "1"]
            assert main(train) == 0
            swept = tmp_path / "swept" / f"{setting},seed{seed}"
            assert reopen(swept, trust=True).fingerprint == reopen(alone, trust=True).fingerprint
            # One product over all runs rounds otherwise than one for each.
            states = [state_of(place) for place in (swept, alone)]
            chex.assert_trees_all_close(*states, rtol=2e-4, atol=2e-6)
            rows = [
                [row for row in read_metrics(place) if "loss" in row] for place in (swept, alone)
            ]
            assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]]
            assert rows[0][0].keys() == rows[1][0].keys()
            np.testing.assert_allclose(
                [row["loss"] for row in rows[0]], [row["loss"] for row in rows[1]], rtol=1e-5
            )


def test_a_static_setting_runs_one_after_the_other(tmp_path: Path) -> None:
    experiment = load(str(write_experiment(tmp_path)))
    train = experiment.data.load().train
    program = build(experiment, train[0], len(train), sharding.make_mesh(1))
    points = grid(["method.temperature=0.1,0.2", "optimizer.learning_rate=0.01,0.1"])
    assert groups(program, points) == ([[0, 1, 2, 3]], [])
    points = grid(["optimizer.clip_norm=0.0,1.0", "method.out=8,16"])
    apart, static = groups(program, points)
    assert apart == [[0], [1], [2], [3]]
    assert static == ["optimizer.clip_norm", "method.out"]


def test_a_run_that_breaks_does_not_break_the_others(tmp_path: Path, capsys) -> None:
    path = write_experiment(tmp_path)
    path.write_text(path.read_text().replace("breaks_at: int = -1", "breaks_at: float = -1.0"))
    swept = tmp_path / "swept"
    command = ["sweep", str(path), "--workdir", str(swept), "--how", "map", "--no-probe"]
    (tmp_path / "kept.py").write_text(SINK)
    sink = ["--sink", f"{tmp_path / 'kept.py'}:Kept"]
    assert main([*command, "--grid", "method.breaks_at=-1.0,3.0", "--log-every", "1", *sink]) == 0
    output = capsys.readouterr().out
    assert "stopped being finite at step 4" in output
    rows = read_metrics(swept / "method.breaks_at=-1.0,seed0")
    assert rows[-1]["step"] == 9
    broken = read_metrics(swept / "method.breaks_at=3.0,seed0")
    assert broken[-1]["step"] == 4
    assert not (swept / "method.breaks_at=3.0,seed0/checkpoints/9").exists()
    # Each run has a sink of its own, which receives what its folder has.
    for folder in swept.glob("method.*"):
        steps = [int(line) for line in (folder / "kept.txt").read_text().split()]
        assert steps == [row["step"] for row in read_metrics(folder)], folder


SINK = '''"""A sink that keeps the steps in the folder of its run."""

from jssl.logging.sinks import Sink


class Kept(Sink):
    def open(self, run):
        self.file = (run.folder / "kept.txt").open("w")

    def write(self, step, scalars):
        print(step, file=self.file)

    def close(self):
        self.file.close()
'''


def test_sinks_of_a_sweep_are_checked_before_any_work(tmp_path: Path, capsys) -> None:
    path = str(write_experiment(tmp_path))
    assert main(["sweep", path, "--workdir", str(tmp_path / "s"), "--sink", "wandbb"]) == 2
    assert "did you mean 'wandb'" in capsys.readouterr().err
    (tmp_path / "kept.py").write_text(SINK)
    (sink,) = resolve([f"{tmp_path / 'kept.py'}:Kept"])
    with pytest.raises(UserError, match="give Kept, the class"):
        sweep(load(path), [()], [0], tmp_path / "s", SweepOptions(sinks=[sink]))
    assert not (tmp_path / "s").exists()


def test_grids_and_intervals() -> None:
    assert grid([]) == [()]
    assert grid(["a.b=1,2", "c=x"]) == [("a.b=1", "c=x"), ("a.b=2", "c=x")]
    for wrong, sentence in (
        (["a"], "takes key=value"),
        (["a=1,,2"], "takes key=value"),
        (["a=1", "a=2"], "has a twice"),
    ):
        with pytest.raises(UserError, match=sentence):
            grid(wrong)
    assert interval([1.0, 2.0, 3.0]) == "2.0000 ± 2.4841"  # t(0.975, 2) / sqrt(3)
    assert interval([1.0, float("nan")]) == "1 of 2 not finite"
