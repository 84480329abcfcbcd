"""jssl against PyTorch on one GPU: views a second and share of the card's peak, in one run.

    python benchmarks/gpu_peer.py --torch-python ENV/bin/python --out results/gpu_peer.json

SimCLR ResNet-18 on CIFAR-size images, MAE ViT-B/16 and DINO ViT-S/16 (2 crops of 224 and 8 of 96),
bfloat16. PyTorch runs with `torch.compile`, channels last and autocast, on views that already lie
on the card; jssl's step makes its views, so the comparison leans towards the peer. Both hold the
card at once: `XLA_PYTHON_CLIENT_PREALLOCATE=false` is set here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from peer import Jssl, Torch

from jssl.config.experiment import Experiment, load
from jssl.plan import accounting
from jssl.plan.chips import peak_flops
from jssl.runs.run import hardware, versions

# Case: experiment, batch, views of an example, side of its images.
CASES = {
    "resnet": ("image/simclr_cifar10", 512, 2, 32),
    "mae_b": ("image/mae_imagenet", 256, 1, 256),
    "dino_s": ("image/dino_imagenet", 64, 10, 256),
}
LIGHTLY = 3800.0  # views a second, from lightly's published CIFAR-10 run


def experiment_of(case: str, batch: int) -> Experiment:
    """The experiment of a case in bfloat16."""
    base = load(CASES[case][0])
    changes = {"batch_size": batch, "epochs": 1e4}
    if case == "resnet":
        changes["encoder"] = base.encoder.clone(dtype="bfloat16")
        changes["method"] = dataclasses.replace(base.method, dtype="bfloat16")
    return dataclasses.replace(base, **changes)


def compare(case: str, arguments: argparse.Namespace) -> dict:
    """One row."""
    _, batch, views, side = CASES[case]
    batch = arguments.batch or batch
    images = np.random.default_rng(0).integers(0, 256, (4 * batch, side, side, 3), np.uint8)
    ours = Jssl(experiment_of(case, batch), images)
    options = argparse.Namespace(
        batch=batch,
        width=1.0,
        threads=os.cpu_count(),
        workers=0,
        precision="bfloat16",
        compile=True,
    )
    peer = Torch(arguments.torch_python, case, options, None, device=arguments.device)
    times: dict[str, list[float]] = {"jssl": [], "torch": []}
    try:
        for turn in range(arguments.turns + 1):
            for name, member in (("jssl", ours), ("torch", peer)):
                seconds = member.turn(arguments.steps)
                if turn:
                    times[name].append(seconds / arguments.steps)
    finally:
        peer.close()
    step = {name: statistics.median(found) for name, found in times.items()}
    operations = accounting.step_flops(ours.program)
    peak = peak_flops(1)
    row = {
        "case": case,
        "batch": batch,
        "jssl_views_per_second": round(batch * views / step["jssl"], 1),
        "torch_views_per_second": round(batch * views / step["torch"], 1),
        "ratio": round(step["torch"] / step["jssl"], 3),
        "step_tflop": operations / 1e12,
        "jssl_mfu": None if peak is None else round(operations / step["jssl"] / peak, 4),
        "torch_mfu": None if peak is None else round(operations / step["torch"] / peak, 4),
        "seconds": times,
        "torch": peer.version,
    }
    if case == "resnet":
        row["over_lightly"] = round(row["jssl_views_per_second"] / LIGHTLY, 2)
    print({key: value for key, value in row.items() if key != "seconds"}, flush=True)
    return row


def main() -> None:
    """Compares every case and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", required=True, help="Python of torch's environment")
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=list(CASES))
    parser.add_argument("--batch", type=int, help="in place of each case's own")
    parser.add_argument("--device", default="cuda", help="of PyTorch")
    parser.add_argument("--steps", type=int, default=20, help="in a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = [compare(case, arguments) for case in arguments.cases]
    result = {
        "benchmark": "gpu_peer",
        "rows": rows,
        "device": jax.devices()[0].device_kind,
        "hardware": hardware(),
        "versions": versions(),
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
