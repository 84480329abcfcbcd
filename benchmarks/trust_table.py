"""Method by check: the largest deviation, or "exact". Writes results/trust.json, docs/trust.md.

Command: python benchmarks/trust_table.py [METHOD ...]; about a minute a method on 2 cores. Methods
named on the command line are measured anew, the others kept from the last run.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

from jssl import experiment as registry  # noqa: E402
from jssl.checkpoint import Checkpoints  # noqa: E402
from jssl.feed import make_feed  # noqa: E402
from jssl.run import hardware  # noqa: E402
from jssl.testing import conformance, deviation, small, trajectory  # noqa: E402
from jssl.testing.bench import host  # noqa: E402
from jssl.testing.processes import compare_processes  # noqa: E402
from jssl.testing.runs import one_experiment_per_method, program_of  # noqa: E402

MESHES = {"2": (2, 1), "4": (4, 1), "8": (8, 1), "2 x 4": (8, 4)}
STEPS = 5


def restored(case: object, reference: object) -> tuple[float, str]:
    """Three steps on 8 devices, saved, two more on 4."""
    with tempfile.TemporaryDirectory() as folder:
        for devices, start, stop in ((8, 0, 3), (4, 3, STEPS)):
            program = program_of(case, devices=devices)
            root = program.root_key(0)
            checkpoints = Checkpoints(Path(folder))
            state = checkpoints.restore(program.abstract_state)[0] or program.init(root)
            options = {"path": "device", "workers": 0, "chunk": STEPS, "start": start}
            feed = make_feed(program, case.data.load().train, seed=0, root=root, **options)
            state, _ = feed.advance(state, start, stop - start)
            checkpoints.save(state)
            checkpoints.close()
    return deviation(host(state), reference.state)


def measure(method: str, name: str) -> dict:
    """All columns of a method."""
    began = time.perf_counter()
    report = conformance(name)
    seconds = time.perf_counter() - began
    case = small(registry.load(name))
    reference = trajectory(case, steps=STEPS)
    row = {"method": method, "experiment": name}
    for label, (devices, fsdp) in MESHES.items():
        other = trajectory(case, devices=devices, fsdp=fsdp, steps=STEPS)
        pairs = (deviation(a, b) for a, b in zip(reference, other, strict=True))
        row[f"mesh {label}"] = _show(max(pairs)[0])
    row["two processes"] = _show(compare_processes(name)[0])
    row["resume"] = report["resume"].figure
    row["8 to 4"] = _show(restored(case, reference)[0])
    row["accumulation"] = report["accumulation"].figure or report["accumulation"].sentence
    passed = sum(check.passed is True for check in report.checks)
    apply = sum(check.passed is not None for check in report.checks)
    row["conformance"] = f"{passed} of {apply}"
    row["failures"] = [f"{check.name}: {check.sentence}" for check in report.failures]
    row["checks"] = [dataclasses.asdict(check) for check in report.checks]
    row["seconds"] = round(seconds, 1)
    return row


def _show(value: float) -> str:
    return f"{value:.1e}" if value else "exact"


def page(rows: list[dict]) -> str:
    """The table as Markdown."""
    columns = [f"mesh {label}" for label in MESHES]
    columns += ["two processes", "resume", "8 to 4", "accumulation", "conformance", "seconds"]
    lines = [
        "# What is proven of every method",
        "",
        "Written by `python benchmarks/trust_table.py` on " + hardware() + ". Largest difference "
        f"of any leaf of the state or metric after {STEPS} steps, relative to the size of the "
        "leaf, in float32; meshes against one device, the tolerance of the tests is 2e-5. "
        "`seconds` is the time of the conformance suite.",
        "",
        f"| method | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
    ]
    lines += [f"| {r['method']} | {' | '.join(str(r[c]) for c in columns)} |" for r in rows]
    failures = [f"- {r['method']}: {text}" for r in rows for text in r["failures"]]
    if failures:
        lines += ["", "## Failing", "", *failures]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measures what was asked for and writes the table."""
    path = ROOT / "results/trust.json"
    cases = one_experiment_per_method()
    rows = {r["method"]: r for r in json.loads(path.read_text())} if path.exists() else {}
    for method in sys.argv[1:] or sorted(cases):
        rows[method] = measure(method, cases[method])
        print(json.dumps({k: v for k, v in rows[method].items() if k != "checks"}), flush=True)
        kept = [rows[m] for m in sorted(rows) if m in cases]
        path.write_text(json.dumps(kept, indent=1) + "\n")
        (ROOT / "docs/trust.md").write_text(page(kept))


if __name__ == "__main__":
    main()
