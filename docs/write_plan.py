"""Plans of four large runs on TPU slices of 8 to 512 chips, and their table.

    python docs/write_plan.py run [--only TEXT] [--most N]   compile the missing rows
    python docs/write_plan.py                                write docs/plan.md from these rows

Rows are written to results/plan.json one by one, so that an interrupted run resumes. It requires
`jssl[tpu]` but no TPU. The batch size grows with the number of chips (weak scaling), so that the
work per chip is constant.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import jax

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "plan.json"
PAGE = ROOT / "docs" / "plan.md"

# Title: experiment, overrides, examples per chip, chips per sharded parameter (0 for all).
RUNS = {
    "DINO ViT-S/16": ("image/dino_imagenet", ["encoder.scan=true"], 32, 1),
    "MAE ViT-L/16": ("image/mae_imagenet", ["encoder.variant=L", "encoder.scan=true"], 64, 8),
    "DINOv2 ViT-g/14": ("image/dinov2_imagenet_g", [], 8, 0),
    # The widths of "10B" itself are not divisible by 8.
    "SEER 10B": ("image/seer_imagenet", ["encoder.variant=10B_1024"], 8, 0),
}
SHAPES = {
    "v5e": ("2x4", "16x16 x 2", "8x8", "4x4", "16x16"),
    "v5p": ("2x2x2", "8x8x8", "4x4x4", "2x2x4", "4x8x8"),
    "v6e": ("2x4", "16x16 x 2", "8x8", "4x4", "16x16"),
}


# Compiled at full effort as well, to show the effect of the lowest effort.
BOTH = (("DINO ViT-S/16", "v5e", "2x4"), ("MAE ViT-L/16", "v5p", "2x2x2"))


def wanted() -> list[tuple[str, str, str, bool]]:
    """(run, chip, shape, quick) of every row, the ends and the middle of each series first."""
    return [
        *(
            (title, chip, SHAPES[chip][place], True)
            for place in range(5)
            for chip in SHAPES
            for title in RUNS
        ),
        *((*row, False) for row in BOTH),
    ]


def compile_row(title: str, chip: str, shape: str, quick: bool) -> dict:
    """One row: the plan as `jssl plan --json` writes it, with its title."""
    from jssl.config.experiment import load
    from jssl.config.overrides import override
    from jssl.plan import chips, planning

    name, overrides, each, shared = RUNS[title]
    sides, _, slices = shape.partition(" x ")
    published, devices = chips.topology_devices(f"{chip}:{sides}", int(slices or 1))
    count = len(devices)
    experiment = override(load(name), *overrides, f"batch_size={each * count}")
    fsdp = min(shared or count, count)
    example, length = planning.data_facts(experiment)
    start = time.perf_counter()
    plan = planning.make_plan(
        experiment,
        chips.mesh_of(devices, fsdp),
        target=f"{chip}:{shape}",
        chip=published,
        setting=planning.Setting(fsdp=fsdp),
        example=example,
        length=length,
        quick=quick,
    )
    return {
        "title": title,
        "chip": chip,
        "shape": shape,
        "command": f"jssl plan {name} --topology {chip}:{sides}"
        + (f" --slices {slices}" if slices else "")
        + f" --fsdp {fsdp}{' --quick' if quick else ''}"
        + f" --set {' '.join([*overrides, f'batch_size={each * count}'])}",
        "seconds_here": round(time.perf_counter() - start, 1),
        "versions": {"jax": jax.__version__},
        **plan.json(),
    }


def run(only: str, most: int) -> None:
    """Compiles the missing rows."""
    from jssl.errors import UserError
    from jssl.runs.run import write_json

    jax.config.update("jax_platforms", "cpu")
    for wish in wanted():
        title, chip, shape, quick = wish
        rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
        done = {(row["title"], row["chip"], row["shape"], row["quick"]) for row in rows}
        if wish in done or only not in f"{title} {chip}:{shape}" or most == 0:
            continue
        most -= 1
        print(f"{title} on {chip}:{shape}{'' if quick else ' at full effort'}", flush=True)
        try:
            row = compile_row(*wish)
        except UserError as error:
            print(f"  {error}", flush=True)
            continue
        rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
        write_json(RESULTS, [*rows, row])
        print(f"  fits: {row['fits']}, {row['seconds_here']} s here", flush=True)


def page(rows: list[dict]) -> str:
    """docs/plan.md."""
    order = {title: place for place, title in enumerate(RUNS)}
    rows = sorted(rows, key=lambda row: (order[row["title"]], row["chip"], row["chips"]))
    full, rows = [r for r in rows if not r["quick"]], [r for r in rows if r["quick"]]
    lines = [
        "# Plans of four large runs",
        "",
        "Written by `docs/write_plan.py` from `results/plan.json`. For every row the full "
        "train step (augmentation, forward, backward, optimizer, teacher, alarm) was compiled for "
        "the given chips by the TPU compiler at its lowest effort, on a machine without a TPU. No "
        "row was run: times are lower bounds at the published peak rates of a chip, the longest "
        "of compute, memory traffic and communication. Communication over the data-centre network "
        "(rows with two slices) is counted as if it used the fast interconnect. "
        "[How to read the tables](scale.md).",
        *_efforts(full, rows),
    ]
    for title in RUNS:
        found = [row for row in rows if row["title"] == title]
        if not found:
            continue
        first = found[0]
        lines += [
            "",
            f"## {title}",
            "",
            f"`{' '.join([first['experiment'], *RUNS[title][1]])}`, "
            f"{first['parameters'] / 1e6:,.0f} M parameters, "
            f"{RUNS[title][2]} examples per chip.",
            "",
            "| topology | chips | fsdp | batch | memory per chip, GiB | fits | TFLOP per chip | "
            "sent per chip, GB | compute / memory / network, ms | MFU, upper bound | "
            "chip-hours per epoch |",
            "|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|",
            *map(_line, found),
        ]
    lines += ["", *_scaling(rows)]
    return "\n".join(lines)


def _efforts(full: list[dict], rows: list[dict]) -> list[str]:
    """Effect of the compiler's effort, on the runs that were compiled at both."""
    if not full:
        return []
    lines = [
        "",
        "**The memory traffic of an actual run is lower.** At its lowest effort the compiler makes "
        "little use of a chip's fast memory, so that memory times and the quantities derived from "
        "them are pessimistic. Memory use, FLOPs and communication hardly differ:",
        "",
        "| run | effort | memory per chip, GiB | memory traffic per chip and step, GB |",
        "|---|---|---:|---:|",
    ]
    for row in full:
        (twin,) = (r for r in rows if (r["title"], r["target"]) == (row["title"], row["target"]))
        for effort, one in (("lowest", twin), ("full", row)):
            cells = [f"{row['title']} on {row['target']}", effort]
            cells += [f"{one['needed'] / 2**30:.2f}", f"{one['moved'] / 1e9:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _line(row: dict) -> str:
    needed, limit = row["needed"] / 2**30, row["limit"] / 2**30
    fits = "yes" if row["fits"] else f"**no**, {needed - limit:.2f} too much"
    cells = [row["target"], row["chips"], row["setting"]["fsdp"], row["batch"]]
    cells += [f"{needed:.2f} of {limit:.2f}", fits, f"{row['flops'] / row['chips'] / 1e12:.2f}"]
    if row["seconds"] is None:
        cells += ["", "", "", ""]
    else:
        times = " / ".join(f"{1e3 * value:.0f}" for value in row["seconds"].values())
        cells += [f"{row['sent'] / 1e9:.2f}", times, f"{100 * row['mfu']:.0f} %"]
        cells += [f"{row['chip_hours'][0]:.2f}"]
    return "| " + " | ".join(map(str, cells)) + " |"


def _scaling(rows: list[dict]) -> list[str]:
    """Work per chip at each size, relative to the smallest size that fits."""
    lines = [
        "## Weak scaling",
        "",
        "Per-chip quantities relative to the smallest slice that fits. FLOPs should stay at 1, and "
        "so should the bytes sent once the parameters are sharded over the whole slice.",
        "",
        "| run | chip | chips | FLOPs | sent | minimum step time |",
        "|---|---|---:|---:|---:|---:|",
    ]
    found = []
    for title in RUNS:
        for chip in SHAPES:
            series = [r for r in rows if (r["title"], r["chip"]) == (title, chip) and r["seconds"]]
            for row in series[1:]:
                first = series[0]
                share = row["flops"] / row["chips"] / (first["flops"] / first["chips"])
                sent = row["sent"] / first["sent"] if first["sent"] else math.nan
                least = row["step_seconds"] / first["step_seconds"]
                sizes = f"{first['chips']} to {row['chips']}"
                found.append(
                    f"| {title} | {chip} | {sizes} | {share:.3f} | {sent:.2f} | {least:.2f} |"
                )
    return [*lines, *found, ""] if found else []


def main() -> None:
    """Compiles rows or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", nargs="?", choices=("run", "table"), default="table")
    parser.add_argument("--only", default="", help="only rows whose name contains this text")
    parser.add_argument("--most", type=int, default=-1, help="largest number of rows to compile")
    arguments = parser.parse_args()
    if arguments.action == "run":
        run(arguments.only, arguments.most)
    if RESULTS.exists():
        PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
