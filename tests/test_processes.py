"""Two processes over jax.distributed compute what one process computes."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from jssl.core.state import paths
from jssl.errors import UserError
from jssl.logging.writer import read_metrics
from jssl.runs import processes
from jssl.runs.loop import Options
from jssl.runs.run import reopen
from jssl.studies.session import restore
from jssl.testing import deviation

pytestmark = pytest.mark.rotating(shares=9)

EXPERIMENT = Path(__file__).parent / "run_experiment.py"


def launch(
    folder: Path, *, process: int, count: int, devices: int, port: int, more: Sequence[str] = ()
) -> subprocess.Popen:
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
        [*command, *options, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def wait_for(path: Path, pair: list[subprocess.Popen]) -> None:
    for _ in range(3000):
        if path.exists():
            return
        assert [process.poll() for process in pair] == [None, None]
        time.sleep(0.1)
    raise AssertionError(f"{path} was never written")


def listening(pids: list[int]) -> set[str]:
    """Local addresses on which processes listen, from Linux's tables."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(link))
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                words = bytes.fromhex(fields[1].partition(":")[0])
                address = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                found.add(socket.inet_ntop(family, address))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_other_with_a_sentence(tmp_path: Path, killed: int) -> None:
    port = free_port()
    more = ["--set", "epochs=100", "--checkpoint-every", "5", "--coordinator", f"127.0.0.1:{port}"]
    pair = [launch(tmp_path, process=i, count=2, devices=1, port=port, more=more) for i in range(2)]
    try:
        wait_for(tmp_path / "checkpoints" / "5", pair)
        found = listening([process.pid for process in pair])
        assert found <= {"127.0.0.1", "::ffff:127.0.0.1"} and found
        pair[killed].kill()
        began = time.monotonic()
        output, _ = pair[1 - killed].communicate(timeout=60)
        assert time.monotonic() - began < 20
    finally:
        for process in pair:
            process.kill()
            process.wait()
            process.stdout.close()
    assert pair[1 - killed].returncode == processes.LOST
    assert f"jssl: error: process {killed} of 2 has ended" in output.splitlines()[-1]


def test_process_0_listens_at_the_address_that_it_is_given(monkeypatch) -> None:
    port = free_port()
    for host in ("127.0.0.1", "localhost"):
        assert processes.bind_address(f"{host}:{port}") == f"{host}:{port}"
    for wrong in ("127.0.0.1", ":1234", "127.0.0.1:0", "127.0.0.1:http", "127.0.0.1:70000"):
        with pytest.raises(UserError, match="is not HOST:PORT"):
            processes.bind_address(wrong)
    for elsewhere in (f"192.0.2.1:{port}", f"no-such-host.invalid:{port}"):
        with pytest.raises(UserError, match=f"cannot listen on {elsewhere}"):
            processes.bind_address(elsewhere)
    taken = socket.create_server(("127.0.0.1", port))
    with taken, pytest.raises(UserError, match="a free port"):
        processes.bind_address(f"127.0.0.1:{port}")
    monkeypatch.setenv("JAX_COORDINATOR_BIND_ADDRESS", f"[::]:{port}")
    assert processes.bind_address(f"192.0.2.1:{port}") == f"[::]:{port}"


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
