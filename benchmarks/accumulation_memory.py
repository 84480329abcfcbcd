"""Memory of a step against the number of micro-batches, for the exact gradient of a large batch.

Command: python benchmarks/accumulation_memory.py; writes results/accumulation_memory.json.
Bytes are the compiler's own (`memory_analysis`): the temporary buffers of one compiled step.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jax

from jssl.config import experiment as registry
from jssl.runs.run import hardware
from jssl.testing.runs import program_of

ROOT = Path(__file__).resolve().parent.parent
BATCH = 1024


def measure(name: str) -> list[dict]:
    """Temporary bytes of a step at 1, 2, 4 ... micro-batches."""
    experiment = registry.load(name)
    changes = {"batch_size": BATCH}
    if hasattr(experiment.encoder, "norm"):
        changes["encoder"] = experiment.encoder.clone(norm="layer")
    if hasattr(experiment.method, "norm"):
        changes["method"] = dataclasses.replace(experiment.method, norm="layer")
    experiment = dataclasses.replace(experiment, **changes)
    found = []
    for pieces in (1, 2, 4, 8, 16):
        program = program_of(experiment, accumulate=pieces, approximate=True, alarm_every=0)
        batch = {
            key: jax.ShapeDtypeStruct((BATCH, *spec.shape), spec.dtype)
            for key, spec in program.example.items()
        }
        root = jax.eval_shape(lambda: jax.random.key(0))
        compiled = program.step.lower(program.abstract_state, batch, root).compile()
        memory = compiled.memory_analysis()
        row = {
            "experiment": name,
            "batch_size": BATCH,
            "micro_batches": pieces,
            "temporary_mib": round(memory.temp_size_in_bytes / 2**20, 1),
            "hardware": hardware(),
        }
        print(row, flush=True)
        found.append(row)
    return found


if __name__ == "__main__":
    rows = [row for name in ("image/simclr_shapes", "image/mae_shapes") for row in measure(name)]
    (ROOT / "results/accumulation_memory.json").write_text(json.dumps(rows, indent=1) + "\n")
