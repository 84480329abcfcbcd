"""Step time with the collapse alarm over that without, and what it adds to memory.

Command: python benchmarks/alarm_cost.py [EXPERIMENT ...]; writes results/alarm_cost.json.
Runs of both kinds alternate, and the median of each is taken, since other work on the machine
slows both alike.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import jax
import numpy as np

from jssl.config import experiment as registry
from jssl.runs.run import hardware
from jssl.testing.runs import program_of

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, STEPS = 12, 10


def measure(name: str) -> dict:
    """Ratios for one experiment at its own size: alarm in every step, and in every tenth."""
    experiment = registry.load(name)
    source = experiment.data.load().train
    index = np.arange(experiment.batch_size) % len(source)
    batch = {**source[index], "index": index.astype(np.int32)}
    programs = {every: program_of(experiment, alarm_every=every) for every in (0, 10, 1)}
    states = {every: p.init(p.root_key(0)) for every, p in programs.items()}
    times: dict[int, list[float]] = {every: [] for every in programs}
    for number in range(ROUNDS + 1):
        for every, program in programs.items():
            root = program.root_key(0)
            jax.block_until_ready(states[every])
            start = time.perf_counter()
            for _ in range(STEPS):
                states[every], metrics = program.step(states[every], batch, root)
            jax.block_until_ready(metrics)
            if number:  # the first round compiles
                times[every].append((time.perf_counter() - start) / STEPS)
    # Rounds are compared with themselves: a machine's speed drifts by more than the alarm costs.
    ratios = {
        every: statistics.median(a / b for a, b in zip(values, times[0], strict=True))
        for every, values in times.items()
    }
    return {
        "experiment": name,
        "batch_size": experiment.batch_size,
        "step_ms": round(1e3 * statistics.median(times[0]), 2),
        "ratio_every_10": round(ratios[10], 4),
        "ratio_every_1": round(ratios[1], 4),
        "hardware": hardware(),
    }


if __name__ == "__main__":
    path = ROOT / "results/alarm_cost.json"
    rows = {r["experiment"]: r for r in json.loads(path.read_text())} if path.exists() else {}
    for name in sys.argv[1:] or ["image/byol_shapes", "image/mae_shapes"]:
        rows[name] = measure(name)
        print(json.dumps(rows[name]), flush=True)
        path.write_text(json.dumps([rows[k] for k in sorted(rows)], indent=1) + "\n")
