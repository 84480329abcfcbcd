"""What the loop costs over the bare compiled step, and the peak memory of the demo.

Both sides run the same number of steps of the same experiment on the same data in one process,
alternating; the figure is the ratio of the medians.

    python benchmarks/loop_overhead.py [--experiment image/simclr_digits] [--steps 30] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from jssl.config.experiment import load
from jssl.config.overrides import override
from jssl.data.order import batch_indices
from jssl.runs.loop import Options, fit
from jssl.runs.restoring import prepare
from jssl.runs.run import Run, hardware, versions
from jssl.training import sharding


def bare(program, state, batches, root) -> tuple[float, object]:  # noqa: ANN001
    """Seconds for the compiled step alone, batches already on the device."""
    start = time.perf_counter()
    for batch in batches:
        state, metrics = program.step(state, batch, root)
    jax.block_until_ready((state, metrics))
    return time.perf_counter() - start, state


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiment", default="image/simclr_digits")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    experiment = load(arguments.experiment)
    length = len(experiment.data.load().train)
    per_epoch = length // experiment.batch_size
    epochs = arguments.steps * arguments.rounds / per_epoch
    experiment = override(experiment, f"epochs={epochs}")

    with tempfile.TemporaryDirectory() as folder:
        run = Run(experiment, 0, Path(folder) / "run")
        options = Options(devices=1, checkpoint_every=10**6, probe_every=0)
        program, splits = prepare(run, options)
        root = program.root_key(0)
        state = program.init(root)
        batches = [
            sharding.put_batch(
                {**splits.train[index], "index": index.astype(np.int32)}, program.mesh
            )
            for step in range(arguments.steps)
            for index in [batch_indices(0, step, length, experiment.batch_size)]
        ]
        _, state = bare(program, state, batches[:1], root)  # compiles
        marks: list[float] = []

        def note(line: str) -> None:
            del line

        bare_times = []
        for _ in range(arguments.rounds):
            seconds, state = bare(program, state, batches, root)
            bare_times.append(seconds / arguments.steps)
        fit(run, options, log=note)
        rows = [
            json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().split("\n")[:-1]
        ]
        marks = [(row["step"], row["time"]) for row in rows if "loss" in row]
        # The first half of the records holds the compilation and the growing chunks.
        late = marks[len(marks) // 2 :]
        loop = (late[-1][1] - late[0][1]) / (late[-1][0] - late[0][0])
    base = statistics.median(bare_times)
    result = {
        "benchmark": "loop_overhead",
        "experiment": arguments.experiment,
        "bare_step_ms": round(1e3 * base, 3),
        "loop_step_ms": round(1e3 * loop, 3),
        "ratio": round(loop / base, 4),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "hardware": hardware(),
        "versions": versions(),
    }
    print(json.dumps(result))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
