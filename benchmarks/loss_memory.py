"""Peak memory of SimCLR at a large batch, with the loss whole and in blocks.

    python benchmarks/loss_memory.py [--batch 4096] [--out results/loss_memory.json]

Each form runs in a process of its own, so that `ru_maxrss` is its own peak; the compiler's figure
(`memory_analysis`, temporary buffers) is beside it. The loss is that of the same projections.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from jssl.objectives.contrastive import nt_xent
from jssl.runs.run import hardware, versions


def one(batch: int, block: int | None, width: int) -> dict:
    """Loss and gradients of random projections through a small network, once."""
    key = jax.random.key(0)
    images = jax.random.normal(key, (2 * batch, 64))
    params = [
        jax.random.normal(key, (64, 256)) / 8,
        jax.random.normal(key, (256, width)) / 16,
    ]

    def loss(params: list[jax.Array], images: jax.Array) -> jax.Array:
        z = jax.nn.relu(images @ params[0]) @ params[1]
        return jnp.mean(nt_xent(z[:batch], z[batch:], temperature=0.1, block=block))

    step = jax.jit(jax.value_and_grad(loss)).lower(params, images).compile()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value, gradients = jax.block_until_ready(step(params, images))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    norm = sum(jnp.sum(g * g) for g in gradients) ** 0.5
    return {
        "batch": batch,
        "form": "whole" if block else "blocks",
        "loss": float(value),
        "gradient_norm": float(norm),
        "compiler_mib": round(step.memory_analysis().temp_size_in_bytes / 2**20, 1),
        "peak_mib": round(after / 1024, 1),
        "peak_above_start_mib": round((after - before) / 1024, 1),
    }


def main() -> None:
    """Runs both forms and writes what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--form", choices=("whole", "blocks"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.form:
        # None is what the method takes: blocks, at this size.
        block = 2 * arguments.batch if arguments.form == "whole" else None
        print(json.dumps(one(arguments.batch, block, arguments.width)))
        return
    rows = []
    for form in ("whole", "blocks"):
        command = [sys.executable, __file__, "--form", form]
        command += ["--batch", str(arguments.batch), "--width", str(arguments.width)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows.append(json.loads(output.splitlines()[-1]))
        print(rows[-1], flush=True)
    result = {
        "benchmark": "loss_memory",
        "rows": rows,
        "compiler_ratio": round(rows[0]["compiler_mib"] / rows[1]["compiler_mib"], 1),
        "command": "python benchmarks/loss_memory.py",
        "hardware": hardware(),
        "versions": versions(),
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
