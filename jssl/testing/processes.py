"""The same short run in two processes: what one process computes, compared."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from jssl import experiment as registry
from jssl.testing.runs import Trajectory, deviation, small, trajectory

STEPS = 3


def compare_processes(name: str, *, timeout: float = 300.0) -> tuple[float, str]:
    """Largest difference between one process and two with two devices each.

    Args:
      name: of an experiment; it is made small.
      timeout: seconds to wait for the two.

    Returns:
      (deviation, worst leaf or metric); see `jssl.testing.deviation`.

    Raises:
      RuntimeError: if a process fails; with what it printed.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.npz"
        pair = [
            subprocess.Popen(
                [sys.executable, "-m", "jssl.testing.processes", name, str(i), str(port), path],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for i in range(2)
        ]
        try:
            texts = [process.communicate(timeout=timeout)[0] for process in pair]
        finally:
            for process in pair:
                process.kill()
        if any(process.returncode for process in pair):
            raise RuntimeError("\n".join(texts))
        with np.load(path) as saved:
            both = Trajectory(
                *(
                    {k.removeprefix(part): saved[k] for k in saved if k.startswith(part)}
                    for part in ("state:", "metric:")
                )
            )
    alone = trajectory(small(registry.load(name)), steps=STEPS, data_path="stream")
    return max(deviation(a, b) for a, b in zip(alone, both, strict=True))


def _work(name: str, process: int, port: int, path: Path) -> None:
    import jax

    jax.distributed.initialize(f"localhost:{port}", 2, process)
    case = small(registry.load(name))
    found = trajectory(case, devices=jax.device_count(), steps=STEPS, data_path="stream")
    if process == 0:
        arrays = {f"state:{k}": v for k, v in found.state.items()}
        np.savez(path, **arrays, **{f"metric:{k}": v for k, v in found.metrics.items()})


if __name__ == "__main__":
    _work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
