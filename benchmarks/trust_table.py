"""Largest deviation of each method in each check. Writes results/trust.json, docs/trust.md.

Command: python benchmarks/trust_table.py [PART ...] [METHOD ...], with the parts "conformance",
"meshes" and "processes" (all by default); about a minute a method on 2 cores. Methods
that are named are measured again; without names, only missing results are measured.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = "--xla_force_host_platform_device_count=8 --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)  # as in tests/conftest.py

import jax  # noqa: E402

from jssl.config import experiment as registry  # noqa: E402
from jssl.runs.run import hardware  # noqa: E402
from jssl.testing.conformance import examine  # noqa: E402
from jssl.testing.method_harness import MethodHarness  # noqa: E402
from jssl.testing.processes import in_two_processes  # noqa: E402
from jssl.testing.quick import quick_compilation  # noqa: E402
from jssl.testing.run_harness import CUT, STEPS, TOLERANCES  # noqa: E402
from jssl.testing.runs import Trajectory, one_experiment_per_method, small  # noqa: E402
from jssl.testing.trees import host  # noqa: E402
from jssl.training.checkpoint import Checkpoints  # noqa: E402

JSON = ROOT / "results/trust.json"
PARTS = ("conformance", "meshes", "processes")
MESHES = {"2": (2, 1), "4": (4, 1), "8": (8, 1)}
TOGETHER = 6  # methods that share a pair of processes


def conformance(harness: MethodHarness) -> dict:
    """The suite's own columns."""
    began = time.process_time()  # not the clock on the wall: others may be at work
    report = examine(harness)
    row = {"seconds": round(time.process_time() - began, 1)}
    for column, name in (("mesh 2 x 4", "mesh"), ("resume", "resume"), ("streamed", "streamed")):
        row[column] = report[name].figure
    row["accumulation"] = report["accumulation"].figure
    passed = sum(check.passed is True for check in report.checks)
    apply = sum(check.passed is not None for check in report.checks)
    row["conformance"] = f"{passed} of {apply}"
    row["failures"] = [f"{check.name}: {check.sentence}" for check in report.failures]
    row["checks"] = [dataclasses.asdict(check) for check in report.checks]
    return row


def meshes(harness: MethodHarness) -> dict:
    """2, 4 and 8 devices, and a checkpoint of 8 resumed on 4."""
    programs = {label: harness.on(*shape) for label, shape in MESHES.items()}
    row = {
        f"mesh {label}": _show(harness, harness.trajectory(program))
        for label, program in programs.items()
    }
    first, second = programs["8"], programs["4"]
    state, before = harness.run(harness.start(first), 0, CUT, program=first, path="stream")
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder))
        checkpoints.save(state)
        checkpoints.finish()
        state, _ = checkpoints.restore(second.abstract_state)
        checkpoints.close()
    state, after = harness.run(state, CUT, STEPS, program=second, path="stream")
    resumed = Trajectory(host(state), {k: [*before[k], *after[k]] for k in before})
    row["8 to 4"] = _show(harness, resumed)
    return row


def processes(harnesses: dict[str, MethodHarness]) -> dict[str, str]:
    """One device against two processes with two devices each: method -> deviation."""
    names = {method: harness.experiment.name for method, harness in harnesses.items()}
    runs = in_two_processes(list(names.values()))
    return {method: _show(harnesses[method], runs[name]) for method, name in names.items()}


def _show(harness: MethodHarness, found: Trajectory) -> str:
    value, where = harness.compare(found)
    return (
        f"{value:.1e}" + (f" ({where})" if value > harness.tolerance else "") if value else "exact"
    )


COLUMNS = ("mesh 2", "mesh 4", "mesh 8", "mesh 2 x 4", "two processes", "8 to 4", "resume")
COLUMNS += ("streamed", "accumulation", "conformance", "seconds")


def _looser() -> str:
    kinds = {name: kind.tolerance_factor for name, kind in registry.methods().items()}
    found = [f"{factor:g} times that for {name}" for name, factor in kinds.items() if factor != 1]
    return "".join(f", {text}" for text in found) + " (its file says why)" * bool(found)


def page(rows: list[dict]) -> str:
    """The table as Markdown."""
    lines = [
        "# What is tested for every method",
        "",
        "Written by `python benchmarks/trust_table.py` from `results/trust.json`, measured on "
        f"{hardware()}. Each method runs {STEPS} steps of SGD with batch size 16 in a tiny "
        "experiment of its own. Each entry is the largest difference of any array of the state "
        "(parameters, optimizer, BatchNorm statistics, teacher, queue, centres, prototypes) or of "
        "any metric, relative to the size of the array, in float32. The tests allow "
        f"{TOLERANCES['float32']:.0e} ({TOLERANCES['bfloat16']:.0e} for an encoder in bfloat16)"
        f"{_looser()}. "
        "ReLU is replaced by GELU, because near the kink of ReLU rounding decides which branch is "
        "taken.",
        "",
        "- **mesh**: N devices (`data`, or `data × fsdp`) on streamed data, compared with one "
        "device on in-memory data.",
        "- **two processes**: two processes with two devices each, compared with one process with "
        "one device.",
        f"- **8 to 4**: a checkpoint written on 8 devices after step {CUT} and resumed on 4.",
        f"- **resume**, **streamed**: stopped after step {CUT}, restored, and compared bit for bit "
        "with an uninterrupted run, on in-memory data with one device and on streamed data with "
        "2 × 4 devices.",
        "- **accumulation**: gradients of two micro-batches, compared with those of the whole "
        "batch, with LayerNorm in place of BatchNorm (accumulation with BatchNorm is refused).",
        "- **conformance**: checks passed out of those that apply. **seconds**: time of one core "
        "for these checks, including compilation.",
        "",
        f"| method | {' | '.join(COLUMNS)} |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    cells = ([str(row.get(c) or "not measured") for c in COLUMNS] for row in rows)
    lines += [f"| {r['method']} | {' | '.join(c)} |" for r, c in zip(rows, cells, strict=True)]
    failures = [f"- {r['method']}: {text}" for r in rows for text in r.get("failures", [])]
    if failures:
        lines += ["", "## Failing", "", *failures]
    seconds = [r["seconds"] for r in rows if "seconds" in r]
    if seconds:
        lines += [
            "",
            f"The checks take a median of {statistics.median(seconds):.1f} s of one core per "
            f"method, {max(seconds):.1f} s at most and {sum(seconds):.0f} s for all "
            f"{len(seconds)} methods.",
        ]
    return "\n".join([*lines, ""])


def load() -> dict[str, dict]:
    """The rows measured so far, by method; one for every method there is."""
    saved = json.loads(JSON.read_text()) if JSON.exists() else []
    rows = {(r["method"], r["experiment"]): r for r in saved}
    return {
        method: rows.get((method, name), {"method": method, "experiment": name})
        for method, name in sorted(one_experiment_per_method().items())
    }


def save(method: str, found: dict) -> None:
    """Adds to a row; another process may be adding to others."""
    with (Path(tempfile.gettempdir()) / "trust_table.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = load()
        rows[method] |= found
        JSON.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
        (ROOT / "docs/trust.md").write_text(page(list(rows.values())))
    shown = {k: v for k, v in found.items() if k != "checks"}
    print(json.dumps({"method": method, **shown}), flush=True)


def main() -> None:
    """Measures what was asked for and writes the table."""
    parts = [word for word in sys.argv[1:] if word in PARTS] or list(PARTS)
    named = [word for word in sys.argv[1:] if word not in PARTS]
    rows = load()
    due = {
        part: set(named or [m for m in rows if column not in rows[m]]) if part in parts else set()
        for part, column in zip(PARTS, ("conformance", "8 to 4", "two processes"), strict=True)
    }
    left = [method for method in rows if any(method in due[part] for part in PARTS)]
    for i in range(0, len(left), TOGETHER):
        harnesses = {
            method: MethodHarness(
                small(registry.load(rows[method]["experiment"]), simple_views=True)
            )
            for method in left[i : i + TOGETHER]
        }
        with quick_compilation():
            for method, harness in harnesses.items():
                for part, measure in (("conformance", conformance), ("meshes", meshes)):
                    if method in due[part]:
                        save(method, measure(harness))
            pair = {m: harness for m, harness in harnesses.items() if m in due["processes"]}
            for method, value in (processes(pair) if pair else {}).items():
                save(method, {"two processes": value})
        jax.clear_caches()


if __name__ == "__main__":
    main()
