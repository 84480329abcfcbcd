"""Command line of the judge; see the package."""

from __future__ import annotations

import argparse
import json
import os
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from benchmarks.learning import grounds, records
from benchmarks.learning.readouts import TITLES
from jssl.errors import UserError


def main() -> None:
    """Makes the records that are missing, and prints their gains."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning")
    parser.add_argument("methods", nargs="+", metavar="METHOD", help="such as mae, or all")
    parser.add_argument("--ground", default="shapes", help="shapes or cifar")
    parser.add_argument("--data", default="cifar10.npz", help="the file of CIFAR-10, for cifar")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--budget", type=int, default=1, help="factor on the epochs: 1, 2 or 4")
    arguments = parser.parse_args()
    ground = grounds.ground(arguments.ground, arguments.data)
    names = arguments.methods
    if names == ["all"]:
        names = [case.method for case in ground.study.cases]
    for seed in arguments.seed:
        for name in names:
            path = records.work(ground, name, seed, arguments.budget)
            print(sentence(json.loads(path.read_text())), flush=True)


def sentence(record: dict) -> str:
    """The gains of a record in points, what it took, and the alarm's words."""
    parts = []
    for name, rows in record["scores"].items():
        trained, untrained = (100 * rows[row]["test"] for row in ("trained", "untrained"))
        parts.append(f"{TITLES[name]} {trained:.1f} ({trained - untrained:+.1f})")
    minutes = sum(record["core_seconds"].values()) / 60
    said = f"{record['method']} on {record['ground']}, seed {record['seed']}, "
    said += f"budget {record['budget']}: {', '.join(parts)}; {minutes:.1f} core-minutes"
    return "\n  ".join([said, *record["alarms"]])


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
