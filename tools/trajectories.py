"""Hashes of what each method computes in three steps, to show that a change of code changes none.

    python tools/trajectories.py record hashes.json [--only distillation/dino ...]
    python tools/trajectories.py compare hashes.json

Each method runs the small experiment that the conformance tests use, on one device, compiled
without much optimisation. A hash covers every leaf of the state after the third step (parameters,
optimizer, batch statistics, memory) and every metric of the three steps, by name and by bits.
Leaves are hashed by their path, so a change of a path counts as a difference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import jax
import numpy as np

from jssl.testing.quick import quick_compilation
from jssl.testing.runs import one_experiment_per_method, small, trajectory

STEPS = 3


def hashes(name: str, experiment: str) -> dict[str, str]:
    """Hash of each leaf and metric of a short run.

    Args:
      name: of the method, for the error message.
      experiment: name of an experiment that runs it.

    Returns:
      "state/path" and "metrics/name" -> 16 hexadecimal digits.
    """
    from jssl.config import experiment as registry

    with quick_compilation():
        found = trajectory(small(registry.load(experiment), simple_views=True), steps=STEPS)
    values = {f"state/{k}": x for k, x in found.state.items()}
    values |= {f"metrics/{k}": x for k, x in found.metrics.items()}
    return {
        key: hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:16]
        for key, x in sorted(values.items())
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", nargs="*", help="methods, by family/name")
    args = parser.parse_args()
    known = json.loads(args.file.read_text()) if args.file.exists() else {}
    different = 0
    for name, experiment in sorted(one_experiment_per_method().items()):
        if args.only and name not in args.only:
            continue
        try:
            found = hashes(name, experiment)
        except Exception as error:  # the next method is of interest all the same
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            different += 1
            continue
        jax.clear_caches()
        if args.verb == "record":
            known[name] = found
            args.file.write_text(json.dumps(known, indent=0) + "\n")
            print(f"{name}: {len(found)} hashes", flush=True)
            continue
        before = known.get(name, {})
        changed = [k for k in sorted(before.keys() | found) if before.get(k) != found.get(k)]
        different += bool(changed)
        print(
            f"{name}: {f'{len(changed)} differ: {changed[:4]}' if changed else 'equal'}", flush=True
        )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
