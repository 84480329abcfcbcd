"""jssl against plain PyTorch doing the same, end to end with augmentation, in views a second.

    python -m venv ENV; ENV/bin/pip install torch==2.13.0 numpy pillow
    python benchmarks/peer.py --torch-python ENV/bin/python --out results/peer.json

Same method, model, batch, augmentation, optimizer and precision on the same cores; the two take
turns within one run, and the figure is the ratio of the medians. jssl trains from images on the
device, PyTorch through its DataLoader and Pillow, as its users do. The first turn of each, which
compiles, is left out. PyTorch's arrays are channels-last, its fastest layout; `resnet_default` is
the layout it has if nothing is said. While one has its turn the other's processes are stopped, or
the workers of PyTorch's loader would fill their queue on jssl's time. Both keep freed memory
(`jssl.runs.malloc`).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from jssl.augmentations.recipes import mae, simclr_cifar
from jssl.config.experiment import Experiment, load
from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.mae import MAE
from jssl.runs.malloc import give_back_freed_memory, keep_freed_memory
from jssl.runs.run import hardware, versions
from jssl.training import sharding
from jssl.training.batches import DeviceRunner
from jssl.training.optim import Optimizer
from jssl.training.program import build

CASES = ("resnet", "resnet_default", "vit", "mae", "mlp")
TITLES = {
    "resnet": "SimCLR, ResNet-18 (cifar stem)",
    "resnet_default": "the same, PyTorch in its default layout",
    "vit": "SimCLR, ViT-Ti/4",
    "mae": "MAE, ViT-Ti/4",
    "mlp": "SimCLR, MLP on digits",
}
# What `keep_freed_memory` sets, in the words of glibc's environment.
KEPT = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}


def experiment_of(case: str, batch: int, width: float, precision: str) -> Experiment:
    """The same run as `peer_torch.build` and `peer_torch.Views`."""
    case = case.removesuffix("_default")
    base = load("image/simclr_digits" if case == "mlp" else "image/simclr_cifar10")
    sgd = Optimizer("sgd", learning_rate=0.06, scaling="none", weight_decay=5e-4)
    adamw = Optimizer("adamw", learning_rate=1e-3, scaling="none", weight_decay=0.05)
    head = SimCLR(temperature=0.5, hidden=(512,), out=128, dtype=precision)
    vit = ViT("Ti", patch_size=4, dtype=precision)
    changes = {
        "resnet": {"method": head, "encoder": ResNet(18, width=width, dtype=precision)},
        "vit": {"method": head, "encoder": vit},
        "mae": {
            "method": MAE(192, 4, 3, normalize_target=False, dtype=precision),
            "encoder": vit,
            "views": mae(32, tokens=64, ratio=0.75),
        },
        "mlp": {
            "method": SimCLR(temperature=0.5, hidden=(256,), out=64, dtype=precision),
            "encoder": MLP(hidden=(256, 256), norm="batch"),
        },
    }[case]
    if case in ("resnet", "vit"):
        changes["views"] = simclr_cifar(32)
    optimizer = sgd if case in ("resnet", "mlp") else adamw
    return dataclasses.replace(base, batch_size=batch, epochs=1e4, optimizer=optimizer, **changes)


class Jssl:
    """Turns of jssl on images on the device."""

    def __init__(self, experiment: Experiment, images: np.ndarray) -> None:
        arrays = {"image": images, "label": np.zeros(len(images), np.int32)}
        mesh = sharding.make_mesh(1)
        example = {name: value[0] for name, value in arrays.items()}
        # The alarm measures once in ten steps, as in a run; PyTorch has none.
        self.program = build(experiment, example, len(images), mesh, alarm_every=10)
        root = self.program.root_key(0)
        self.runner = DeviceRunner(self.program, arrays, 0, root, chunk=64)
        self.state, self.step = self.program.init(root), 0

    def turn(self, steps: int) -> float:
        """Seconds for so many steps."""
        start = time.perf_counter()
        self.state, records = self.runner.advance(self.state, self.step, steps)
        losses = records()["loss"]
        seconds = time.perf_counter() - start
        self.step += steps
        if not np.all(np.isfinite(losses)):
            raise RuntimeError("jssl's loss is not finite")
        return seconds


class Torch:
    """Turns of PyTorch in a process of its own, which waits between them."""

    def __init__(
        self,
        python: str,
        case: str,
        arguments: argparse.Namespace,
        images: Path | None,
        device: str = "cpu",
    ) -> None:
        kind = case.removesuffix("_default")
        command = [python, str(Path(__file__).with_name("peer_torch.py")), kind]
        command += ["--default-layout"] * (kind != case)
        command += ["--batch", str(arguments.batch), "--device", device]
        command += [] if images is None else ["--images", str(images)]
        command += ["--width", str(arguments.width), "--threads", str(arguments.threads)]
        command += ["--workers", str(arguments.workers), "--precision", arguments.precision]
        command += ["--compile"] * arguments.compile
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **KEPT} if device == "cpu" else None,
        )
        _, self.version, threads = self.process.stdout.readline().split()
        self.threads = int(threads)
        self._all(signal.SIGSTOP)

    def turn(self, steps: int) -> float:
        """Seconds for so many steps."""
        self._all(signal.SIGCONT)
        self.process.stdin.write(f"steps {steps}\n")
        self.process.stdin.flush()
        seconds, loss = map(float, self.process.stdout.readline().split())
        self._all(signal.SIGSTOP)
        if not np.isfinite(loss):
            raise RuntimeError("PyTorch's loss is not finite")
        return seconds

    def _all(self, sent: signal.Signals) -> None:
        """To the process and its loader's workers."""
        os.killpg(self.process.pid, sent)

    def close(self) -> None:
        """Ends the process."""
        self._all(signal.SIGCONT)
        self.process.stdin.write("quit\n")
        self.process.stdin.flush()
        self.process.wait(timeout=60)


def compare(case: str, arguments: argparse.Namespace) -> dict:
    """One row: medians of both sides and their ratio."""
    rng = np.random.default_rng(0)
    shape = (8, 8, 1) if case == "mlp" else (32, 32, 3)
    images = rng.integers(0, 256, (max(4 * arguments.batch, 1024), *shape), np.uint8)
    views = arguments.batch * (1 if case == "mae" else 2) * arguments.steps
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, images[..., 0] if case == "mlp" else images)
        experiment = experiment_of(case, arguments.batch, arguments.width, arguments.precision)
        ours = Jssl(experiment, images)
        peer = Torch(arguments.torch_python, case, arguments, file)
        times: dict[str, list[float]] = {"jssl": [], "torch": []}
        try:
            for turn in range(arguments.turns + 1):
                for name, side in (("jssl", ours), ("torch", peer)):
                    seconds = side.turn(arguments.steps)
                    if turn:
                        times[name].append(seconds)
        finally:
            peer.close()
    speed = {name: views / statistics.median(found) for name, found in times.items()}
    row = {
        "case": case,
        "title": TITLES[case],
        "batch": arguments.batch,
        "width": arguments.width if case.startswith("resnet") else 1.0,
        "precision": arguments.precision,
        "jssl_views_per_second": round(speed["jssl"], 1),
        "torch_views_per_second": round(speed["torch"], 1),
        "ratio": round(speed["jssl"] / speed["torch"], 3),
        "seconds": times,
        "torch": peer.version,
        "torch_threads": peer.threads,
    }
    print({key: value for key, value in row.items() if key != "seconds"}, flush=True)
    return row


def main() -> None:
    """Compares every case and writes what was found."""
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True, help="Python of torch's environment")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--width", type=float, default=0.5, help="of the ResNet")
    parser.add_argument("--steps", type=int, default=5, help="in a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=cores, help="of PyTorch")
    parser.add_argument("--workers", type=int, default=cores, help="of its data loader")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true", help="torch.compile the peer")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    rows = []
    for case in arguments.cases:
        rows.append(compare(case, arguments))
        jax.clear_caches()
        give_back_freed_memory()
    result = {
        "benchmark": "peer",
        "rows": rows,
        "cores": cores,
        "steps_in_a_turn": arguments.steps,
        "turns": arguments.turns,
        "hardware": hardware(),
        "versions": versions(),
        "jax_devices": jax.device_count(),
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
