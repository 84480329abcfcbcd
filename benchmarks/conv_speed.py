"""The 3x3 convolutions of a ResNet-18 of half width on a CPU, beside PyTorch.

    python benchmarks/conv_speed.py --torch-python ENV/bin/python --out results/conv_speed.json

Forward, and forward with both gradients, in jssl inside a loop as in training; the two take turns,
and the figures are ratios of medians. It says where `peer.py`'s time of the ResNet goes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jssl.nn.conv import conv2d
from jssl.runs.malloc import keep_freed_memory
from jssl.runs.run import hardware, versions

SHAPES = ((32, 32), (16, 64), (8, 128), (4, 256))  # side, channels
LAYOUTS = ("channels_last", "default")
WAYS = ("forward", "gradients")


def looped(way: str) -> Callable[..., Any]:
    """One turn of a loop whose body is a forward pass, or that and both gradients."""

    def both(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pull = jax.vjp(conv2d, x, kernel)
        dx, dk = pull(y)
        return dx, dk

    def forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
        return conv2d(x, kernel), kernel

    body = forward if way == "forward" else both
    return jax.jit(lambda x, k: lax.fori_loop(0, 1, lambda _, carried: body(*carried), (x, k)))


def seconds(side: int, channels: int, batch: int) -> list[float]:
    """The least of three times of each way."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((batch, side, side, channels)), jnp.float32)
    kernel = jnp.asarray(0.01 * rng.standard_normal((3, 3, channels, channels)), jnp.float32)
    found = []
    for way in WAYS:
        work, times = looped(way), []
        for _ in range(4):
            start = time.perf_counter()
            jax.block_until_ready(work(x, kernel))
            times.append(time.perf_counter() - start)
        found.append(min(times[1:]))
    return found


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", required=True, help="Python of torch's environment")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    shapes = [(*shape, arguments.batch) for shape in SHAPES]
    script = str(Path(__file__).with_name("peer_torch_conv.py"))
    cores = str(len(os.sched_getaffinity(0)))
    command = [arguments.torch_python, script, cores, json.dumps(shapes)]
    turns = []
    for _ in range(arguments.turns):
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        turns.append({**json.loads(answer), "jssl": [seconds(*shape) for shape in shapes]})
    rows = []
    for place, (side, channels, _) in enumerate(shapes):
        row: dict[str, Any] = {"side": side, "channels": channels}
        for number, way in enumerate(WAYS):
            middle = {
                name: statistics.median(turn[name][place][number] for turn in turns)
                for name in ("jssl", *LAYOUTS)
            }
            row[way] = {name: middle[name] / middle["jssl"] for name in LAYOUTS}
        rows.append(row)
        print(row, flush=True)
    if arguments.out:
        result = {
            "benchmark": "conv_speed",
            "rows": rows,
            "batch": arguments.batch,
            "turns": turns,
            "command": "python benchmarks/conv_speed.py",
            "hardware": hardware(),
            "versions": versions(),
        }
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
