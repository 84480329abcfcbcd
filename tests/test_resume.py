"""A killed run resumes to the same bits as one that was left alone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jssl.core.state import paths
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options
from jssl.runs.run import reopen
from jssl.studies.session import restore

pytestmark = pytest.mark.rotating(shares=9)

EXPERIMENT = Path(__file__).parent / "run_experiment.py"


def start(folder: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "jssl", "train", str(EXPERIMENT), "--workdir", str(folder)]
    fixed = ["--devices", "1", "--log-every", "1", "--no-evaluate"]
    return subprocess.Popen(
        [*command, *fixed, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "default"},
    )


def finish(process: subprocess.Popen, status: int = 0) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == status, output
    return output


def wait_for_step(folder: Path, step: int, process: subprocess.Popen) -> None:
    path = folder / "metrics.jsonl"
    for _ in range(24000):  # a busy machine compiles for minutes
        if process.poll() is not None:
            return
        if path.exists():
            lines = [line for line in path.read_text().splitlines() if line.endswith("}")]
            if lines and json.loads(lines[-1])["step"] >= step:
                return
        time.sleep(0.01)
    raise AssertionError(f"step {step} was never reached")


def final_state(folder: Path) -> dict[str, np.ndarray]:
    _, state, _ = restore(reopen(folder, trust=True), Options(devices=1))
    return {name: np.asarray(leaf) for name, leaf in paths(state).items()}


def same_bits(a: Path, b: Path) -> list[str]:
    one, other = final_state(a), final_state(b)
    assert one.keys() == other.keys()
    return [name for name in one if one[name].tobytes() != other[name].tobytes()]


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in read_metrics(folder) if "loss" in row]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start(folder))
    return folder


def test_three_kills(undisturbed: Path, tmp_path: Path) -> None:
    """SIGKILL at three random steps, with a checkpoint at nearly every step being written."""
    steps = losses(undisturbed)[-1][0]
    draw = random.Random(0)
    for step in sorted(draw.sample(range(5, steps - 60), 3)):
        process = start(tmp_path, "--checkpoint-every", "3")
        wait_for_step(tmp_path, step, process)
        assert process.poll() is None, "the run ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    output = finish(start(tmp_path, "--checkpoint-every", "3"))
    assert "resumed at step" in output
    assert same_bits(undisturbed, tmp_path) == []
    assert losses(undisturbed) == losses(tmp_path)


def test_ctrl_c_saves_and_leaves_with_status_130(tmp_path: Path) -> None:
    process = start(tmp_path, "--checkpoint-every", "100000", "--set", "epochs=400")
    wait_for_step(tmp_path, 1, process)
    process.send_signal(signal.SIGINT)
    output = finish(process, 130)
    assert "saved" in output and "goes on from there" in output


def test_sigterm_saves_and_leaves(undisturbed: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "--checkpoint-every", "100000", "--data-path", "stream")
    wait_for_step(tmp_path, 20, process)
    process.send_signal(signal.SIGTERM)
    output = finish(process, 143)
    assert "saved" in output and "goes on from there" in output
    output = finish(start(tmp_path, "--data-path", "stream", "--workers", "0"))
    assert "resumed at step" in output
    # The streamed run differs from the resident one by nothing but the compiler's rounding.
    for (step, loss), (other, expected) in zip(losses(tmp_path), losses(undisturbed), strict=True):
        assert step == other
        assert loss == pytest.approx(expected, rel=1e-3)
