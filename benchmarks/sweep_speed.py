"""Eight seeds as one program against one after the other, from start to end, compilation included.

    python benchmarks/sweep_speed.py [--seeds 8] [--out results/sweep_speed.json]

Three ways, each in processes of its own and without a compilation cache: one sweep; one process
that trains the seeds in turn; one process a seed, as with a shell loop. Then how far each run of
the sweep is from the run alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from jssl.runs.loop import Options, fit
from jssl.runs.restoring import prepare
from jssl.runs.run import Run, hardware, reopen, versions
from jssl.training.checkpoint import Checkpoints

EXPERIMENT = "image/simclr_digits"
SMALL = ["encoder.width=0.25", "encoder.depth=10"]


def in_turn(name: str, overrides: list[str], seeds: int, folder: Path) -> None:
    """All seeds in this process, one after the other."""
    from jssl.config.experiment import load
    from jssl.config.overrides import override

    experiment = override(load(name), *overrides)
    for seed in range(seeds):
        run = Run(experiment, seed, folder / f"seed{seed}", tuple(overrides))
        fit(run, Options(devices=1, probe_every=0))


def seconds(command: list[str]) -> float:
    """Wall time of a command, without any compilation cache."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION_CACHE")}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - start


def final(folder: Path) -> list[np.ndarray]:
    """Leaves of the last state of a run."""
    run = reopen(folder)
    program, _ = prepare(run, Options(devices=1))
    checkpoints = Checkpoints(run.checkpoints)
    try:
        state, _ = checkpoints.restore(program.abstract_state)
    finally:
        checkpoints.close()
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state.params)]


def main() -> None:
    """Times the three ways and compares their states."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", default=EXPERIMENT)
    parser.add_argument("--set", nargs="+", default=[*SMALL, "epochs=10"], dest="overrides")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--how", default="auto")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--in-turn", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.in_turn:
        in_turn(arguments.experiment, arguments.overrides, arguments.seeds, arguments.in_turn)
        return
    jssl = [sys.executable, "-m", "jssl"]
    given = ["--set", *arguments.overrides]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sweep = [*jssl, "sweep", arguments.experiment, "--seeds", str(arguments.seeds), *given]
        sweep += ["--workdir", str(folder / "sweep"), "--how", arguments.how, "--no-probe"]
        sweep += ["--devices", str(arguments.devices)]
        own = [sys.executable, __file__, "--in-turn", str(folder / "turn")]
        own += ["--experiment", arguments.experiment, "--seeds", str(arguments.seeds), *given]
        found = {"sweep": seconds(sweep), "one process in turn": seconds(own)}
        total = 0.0
        for seed in range(arguments.seeds):
            train = [*jssl, "train", arguments.experiment, "--seed", str(seed), *given]
            train += ["--workdir", str(folder / f"alone{seed}"), "--no-evaluate", "--devices", "1"]
            total += seconds([*train, "--probe-every", "0"])
        found["one process a seed"] = total
        apart = []
        for seed in range(arguments.seeds):
            (swept,) = (folder / "sweep").glob(f"*seed{seed}")
            pairs = list(zip(final(swept), final(folder / f"alone{seed}"), strict=True))
            apart.append(max(float(np.max(np.abs(a - b))) for a, b in pairs))
    result = {
        "benchmark": "sweep_speed",
        "experiment": arguments.experiment,
        "overrides": arguments.overrides,
        "seeds": arguments.seeds,
        "how": arguments.how,
        "devices": arguments.devices,
        "seconds": {name: round(value, 1) for name, value in found.items()},
        "ratio_to_one_process": round(found["one process in turn"] / found["sweep"], 2),
        "ratio_to_processes": round(found["one process a seed"] / found["sweep"], 2),
        "largest_difference_of_a_parameter": max(apart),
        "hardware": hardware(),
        "versions": versions(),
    }
    print(json.dumps(result))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
