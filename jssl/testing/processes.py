"""Short runs in two processes, for comparison with a single process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jssl.config import experiment as registry
from jssl.runs import processes
from jssl.testing.quick import quick_compilation
from jssl.testing.run_harness import STEPS
from jssl.testing.runs import Trajectory, small, trajectory


def in_two_processes(names: Sequence[str], *, timeout: float = 300.0) -> dict[str, Trajectory]:
    """Runs experiments sequentially in a pair of processes with two devices each.

    Args:
      names: names of experiments; each is shrunk, with simple views (see `jssl.testing.small`).
      timeout: seconds to wait for the processes, per experiment.

    Returns:
      name -> trajectory of its run.

    Raises:
      RuntimeError: if a process fails; the message contains its output.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_cpu_use_fusion_emitters=false",
        "JAX_ENABLE_COMPILATION_CACHE": "false",  # see tests/conftest.py
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jssl.testing.processes"]
        pair = [
            subprocess.Popen(
                [*command, str(i), str(port), folder, *names],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for i in range(2)
        ]
        try:
            texts = [process.communicate(timeout=timeout * len(names))[0] for process in pair]
        finally:
            for process in pair:
                process.kill()
        if any(process.returncode for process in pair):
            raise RuntimeError("\n".join(texts))
        return {name: _read(_path(folder, name)) for name in names}


def _path(folder: str, name: str) -> Path:
    return Path(folder) / f"{name.replace('/', '.')}.npz"


def _read(path: Path) -> Trajectory:
    with np.load(path) as saved:
        parts = (
            {k.removeprefix(part): saved[k] for k in saved if k.startswith(part)}
            for part in ("state:", "metric:")
        )
        return Trajectory(*parts)


def _work(process: int, port: int, folder: str, names: Sequence[str]) -> None:
    import jax
    from jax.experimental import multihost_utils

    with processes.joined(f"localhost:{port}", 2, process, detect=False):
        # The first collective sets up the connections and times out after half a minute. Here both
        # processes are in step; after a compilation they may be far apart.
        multihost_utils.sync_global_devices("start")
        for name in names:
            with quick_compilation():
                found = trajectory(
                    small(registry.load(name), simple_views=True),
                    devices=jax.device_count(),
                    steps=STEPS,
                    data_path="stream",
                    smooth=True,
                )
            if process == 0:
                arrays = {f"state:{k}": v for k, v in found.state.items()}
                arrays |= {f"metric:{k}": v for k, v in found.metrics.items()}
                np.savez(_path(folder, name), **arrays)


if __name__ == "__main__":
    _work(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
