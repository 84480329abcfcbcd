"""Steps on a CPU with memory kept between them, against memory taken anew each time.

    python benchmarks/heap.py [--out results/heap.json]

Each way runs in processes of its own, in turns; page faults and the system's seconds are those of
the timed steps. What is timed is the run of `peer.py`, augmentation included.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import peer

from jssl.runs.malloc import keep_freed_memory
from jssl.runs.run import hardware, versions


def one(case: str, kept: bool, batch: int, width: float, steps: int) -> dict:
    """Seconds, page faults and peak memory of some steps, after some that compile."""
    if kept and not keep_freed_memory():
        raise SystemExit("the C library here has no mallopt: nothing to compare")
    images = np.random.default_rng(0).integers(0, 256, (4 * batch, 32, 32, 3), np.uint8)
    run = peer.Jssl(peer.experiment_of(case, batch, width, "float32"), images)
    run.turn(steps)
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds = run.turn(steps)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds_a_step": seconds / steps,
        "system_share": (after.ru_stime - before.ru_stime)
        / max(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1e-9),
        "page_faults_a_step": (after.ru_minflt - before.ru_minflt) / steps,
        "peak_mib": after.ru_maxrss / 1024,
    }


def main() -> None:
    """Runs both ways in turn and writes what they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=["resnet", "mae"], choices=peer.CASES[:3])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=float, default=0.5, help="of the ResNet")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--way", choices=("kept", "anew"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sizes = (arguments.batch, arguments.width, arguments.steps)
    if arguments.way:
        print(json.dumps(one(arguments.cases[0], arguments.way == "kept", *sizes)))
        return
    rows = []
    for case in arguments.cases:
        found: dict[str, list[dict]] = {"anew": [], "kept": []}
        for _ in range(arguments.turns):
            for way, records in found.items():
                command = [sys.executable, __file__, "--cases", case, "--way", way]
                for name, value in zip(("batch", "width", "steps"), sizes, strict=True):
                    command += [f"--{name}", str(value)]
                output = subprocess.run(command, check=True, capture_output=True, text=True)
                records.append(json.loads(output.stdout.splitlines()[-1]))
        row = {"case": case, "batch": arguments.batch, "turns": arguments.turns}
        for way, records in found.items():
            row[way] = {key: statistics.median(r[key] for r in records) for key in records[0]}
        row["ratio"] = row["anew"]["seconds_a_step"] / row["kept"]["seconds_a_step"]
        rows.append(row)
        print(json.dumps(row), flush=True)
    if arguments.out:
        result = {
            "benchmark": "heap",
            "rows": rows,
            "command": "python benchmarks/heap.py",
            "hardware": hardware(),
            "versions": versions(),
        }
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
