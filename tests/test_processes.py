"""Two processes over jax.distributed compute what one process computes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from jssl.loop import Options
from jssl.reporting.writer import read_metrics
from jssl.run import reopen
from jssl.session import restore
from jssl.state import paths
from jssl.testing import deviation

EXPERIMENT = Path(__file__).parent / "run_experiment.py"


def launch(folder: Path, *, process: int, count: int, devices: int, port: int) -> subprocess.Popen:
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # see conftest.py
        "PYTHONWARNINGS": "default",
    }
    command = [sys.executable, "-m", "jssl", "train", str(EXPERIMENT), "--workdir", str(folder)]
    options = ["--no-evaluate", "--set", "epochs=0.2", "optimizer.name=sgd", "--log-every", "1"]
    if count > 1:
        options += ["--coordinator", f"localhost:{port}", "--processes", str(count)]
        options += ["--process", str(process)]
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def test_two_processes_equal_one(tmp_path: Path) -> None:
    port = free_port()
    both, alone = tmp_path / "both", tmp_path / "alone"
    pair = [launch(both, process=i, count=2, devices=2, port=port) for i in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], "\n".join(outputs)
    single = launch(alone, process=0, count=1, devices=1, port=port)
    output, _ = single.communicate(timeout=240)
    assert single.returncode == 0, output
    states = []
    for folder in (both, alone):
        _, state, _ = restore(reopen(folder, trust=True), Options(devices=1))
        states.append({name: np.asarray(leaf) for name, leaf in paths(state).items()})
    worst, where = deviation(*states)
    assert worst < 2e-5, f"{where} deviates by {worst:.2g}"
    # Only the first process writes.
    steps = [row["step"] for row in read_metrics(both) if "loss" in row]
    assert steps == list(range(1, 8))
