"""Where the time of a step goes on a CPU: views, forward, backward, update.

    python benchmarks/step_parts.py [--out results/step_parts.json]

Programs that do more and more of the step of `peer.py` take turns; a part is what the next program
adds to the median of the one before. Together they are the step but for the alarm, which measures
once in ten steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import peer

from jssl.runs.malloc import keep_freed_memory
from jssl.runs.run import hardware, versions
from jssl.training import sharding
from jssl.training.gradients import loss_and_gradients
from jssl.training.program import Program, build

PARTS = ("views", "forward", "backward", "update")


def programs(program: Program, progress: Any) -> dict[str, Callable[..., Any]]:
    """Compiled functions (state, batch, root) -> arrays, each doing one part more."""
    experiment = program.experiment

    def views(state: Any, batch: Any, root: jax.Array) -> Any:
        return experiment.views(root, batch, mesh=program.mesh)

    def forward(state: Any, batch: Any, root: jax.Array) -> Any:
        method, keys = experiment.method, jax.random.split(root)
        step = program.at(state, keys[0]).replace(progress=progress)
        outputs = method.forward(step, views(state, batch, root))
        return method.objective(step.replace(params=None, key=keys[1]), outputs), step.batch_stats

    def gradients(state: Any, batch: Any, root: jax.Array) -> Any:
        step = program.at(state, root).replace(progress=progress)
        return loss_and_gradients(experiment.method, step, views(state, batch, root))[:4]

    def update(state: Any, batch: Any, root: jax.Array) -> Any:
        loss, found, *others = gradients(state, batch, root)
        updates, opt_state = program.tx.update(found, state.opt_state, state.params)
        return loss, optax.apply_updates(state.params, updates), opt_state, others

    return {
        name: jax.jit(part)
        for name, part in zip(PARTS, (views, forward, gradients, update), strict=True)
    }


def measure(case: str, batch: int, width: float, turns: int) -> dict[str, Any]:
    """Seconds and shares of the parts of one case."""
    images = np.random.default_rng(0).integers(0, 256, (batch, 32, 32, 3), np.uint8)
    experiment = peer.experiment_of(case, batch, width, "float32")
    example = {"image": images[0], "label": np.int32(0)}
    program = build(experiment, example, 4 * batch, sharding.make_mesh(1))
    root = program.root_key(0)
    state = program.init(root)
    given = {"image": images, "label": np.zeros(batch, np.int32)}
    given["index"] = np.arange(batch, dtype=np.int32)
    compiled = programs(program, program.progress(state.step))
    times: dict[str, list[float]] = {name: [] for name in compiled}
    for turn in range(turns + 1):
        for name, part in compiled.items():
            start = time.perf_counter()
            jax.block_until_ready(part(state, given, root))
            if turn:
                times[name].append(time.perf_counter() - start)
    medians = [statistics.median(times[name]) for name in PARTS]
    own = np.diff([0.0, *medians])
    return {
        "case": case,
        "title": peer.TITLES[case],
        "batch": batch,
        "seconds": dict(zip(PARTS, map(float, own), strict=True)),
        "shares": dict(zip(PARTS, map(float, own / medians[-1]), strict=True)),
    }


def main() -> None:
    """Measures every case and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=["resnet", "vit", "mae"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=float, default=0.5, help="of the ResNet")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    rows = []
    for case in arguments.cases:
        rows.append(measure(case, arguments.batch, arguments.width, arguments.turns))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.out:
        result = {
            "benchmark": "step_parts",
            "rows": rows,
            "command": "python benchmarks/step_parts.py",
            "hardware": hardware(),
            "versions": versions(),
        }
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
