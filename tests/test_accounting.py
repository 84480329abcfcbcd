"""What a run says of itself: accounts beside its metrics, a trace, and rows on its page."""

import json
from pathlib import Path

import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.plan import accounting

pytestmark = pytest.mark.optimised


def test_a_run_keeps_accounts(tmp_path: Path) -> None:
    path = write_experiment(tmp_path)
    folder = tmp_path / "run"
    command = ["train", str(path), "--workdir", str(folder), "--devices", "1", "--profile"]
    assert main([*command, "--no-evaluate", "--probe-every", "0", "--checkpoint-every", "20"]) == 0
    found = json.loads((folder / accounting.FILE).read_text())
    assert (found["first_step"], found["steps"], found["devices"]) == (0, 9, 1)
    assert 0 < found["compile_seconds"] <= found["seconds"]
    assert found["input_wait"] == 0
    assert found["peak_bytes"] > 2**26
    # Two views of 16 digits, at the pace of the steps.
    assert abs(found["views_per_second"] * found["step_seconds"] - 32) < 1e-6
    assert list((folder / "profile").rglob("*.xplane.pb"))


def test_accounts_of_the_page(tmp_path: Path) -> None:
    from jssl.config.experiment import load
    from jssl.training import sharding
    from jssl.training.program import build

    experiment = load(str(write_experiment(tmp_path)))
    train = experiment.data.load().train
    program = build(experiment, train[0], len(train), sharding.make_mesh(1), alarm_every=0)
    assert accounting.summary(tmp_path, program) == {}
    record = {"compile_seconds": 1.0, "seconds": 4.0, "input_wait": 0.25, "peak_bytes": 2**30}
    record |= {"step_seconds": 0.002, "views_per_second": 16000.0, "devices": 1}
    (tmp_path / accounting.FILE).write_text(json.dumps(record | {"device_kind": "cpu"}))
    lines = accounting.summary(tmp_path, program)
    # 64 - 16 and heads of 16 - 16 - 8: forward, and backward but for the input's gradient.
    network = 2 * 32 * (3 * (64 * 16 + 16 * 16 + 16 * 8) - 64 * 16)
    operations = accounting.step_flops(program)
    assert network < operations < 1.5 * network + 2 * 3 * 32 * 32 * 8
    assert lines["speed"] == "16,000 views/s, 2 ms a step"
    assert lines["waiting for input"] == "25.0 %"
    assert "share of the peak (MFU)" not in lines  # nobody publishes a CPU's
