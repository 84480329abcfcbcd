"""Writes docs/speed.md from the records of the speed and memory benchmarks.

    python docs/write_speed.py

A section is omitted if its record is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
PAGE = ROOT / "docs" / "speed.md"

Record = dict[str, Any]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table whose first column is text and whose others are numbers."""
    rule = "|---|" + "---:|" * (len(head) - 1)
    return [f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows), ""]


def peers(record: Record) -> list[str]:
    """Throughput compared with PyTorch."""
    rows = [
        [
            f"{row['title']}{', width ' + str(row['width']) if row['width'] != 1 else ''}",
            str(row["batch"]),
            row["precision"],
            f"{row['ratio']:.2f}",
        ]
        for row in record["rows"]
    ]
    first = record["rows"][0]
    return [
        "## Comparison with PyTorch",
        "",
        "Method, model, batch size, augmentation, optimizer and precision are the same. Both run "
        f"on the same {record['cores']} cores, alternating within one benchmark run. The table "
        "shows the end-to-end throughput in views per second, as the ratio of the medians of "
        f"{record['turns']} repetitions (above 1: jssl is faster). PyTorch {first['torch']} loads "
        "images with its DataLoader and Pillow; both frameworks retain freed memory.",
        "",
        *table(["run", "batch", "precision", "jssl / PyTorch"], rows),
    ]


def parts(record: Record) -> list[str]:
    """Time of a training step by phase."""
    names = list(record["rows"][0]["shares"])
    rows = [
        [row["title"], *(f"{max(100 * row['shares'][name], 0):.0f} %" for name in names)]
        for row in record["rows"]
    ]
    return [
        "## Time of a training step by phase",
        "",
        f"Batch {record['rows'][0]['batch']}, float32, one process with all cores. Each column "
        "is the time that the phase adds to the preceding ones.",
        "",
        *table(["run", *names], rows),
    ]


def convolutions(record: Record) -> list[str]:
    """Convolutions of the ResNet compared with PyTorch."""
    rows = [
        [
            f"{row['side']} x {row['side']} x {row['channels']}",
            *(
                f"{row[way][layout]:.2f}"
                for way in ("forward", "gradients")
                for layout in ("channels_last", "default")
            ),
        ]
        for row in record["rows"]
    ]
    return [
        "## Convolutions of the ResNet",
        "",
        f"3 x 3, batch {record['batch']}, speed of jssl relative to PyTorch in channels-last "
        "and in default layout (above 1: jssl is faster). Ratios below 1 explain the lower "
        "throughput of the ResNet.",
        "",
        *table(
            [
                "image",
                *("forward, channels-last", "forward, default"),
                *("with gradients, channels-last", "with gradients, default"),
            ],
            rows,
        ),
    ]


def heap(record: Record) -> list[str]:
    """Effect of retaining freed memory between steps."""
    ways = ("anew", "kept")
    rows = [
        [
            row["case"],
            f"{row['ratio']:.2f}",
            " / ".join(f"{100 * row[way]['system_share']:.0f} %" for way in ways),
            " / ".join(f"{row[way]['page_faults_a_step']:.0f}" for way in ways),
            f"{row['kept']['peak_mib'] / row['anew']['peak_mib']:.2f}",
        ]
        for row in record["rows"]
    ]
    head = ["run", "step time, anew / retained", "system time", "page faults per step"]
    return [
        "## Retaining freed memory between steps",
        "",
        "Effect of `jssl.runs.malloc.keep_freed_memory` on a CPU: buffers allocated anew on each "
        "call, compared with buffers retained from the previous call.",
        "",
        *table([*head, "peak memory, retained / anew"], rows),
    ]


def sweep(*records: Record) -> list[str]:
    """Several seeds in one program."""
    rows = [
        [
            f"`{record['experiment']}` {' '.join(record['overrides'])}",
            str(record["seeds"]),
            f"{record['ratio_to_one_process']:.2f}",
            f"{record['ratio_to_processes']:.2f}",
            f"{record['largest_difference_of_a_parameter']:.1e}",
        ]
        for record in records
    ]
    head = ["run", "seeds", "sequential / sweep", "separate processes / sweep"]
    return [
        "## Several seeds in one program",
        "",
        "Total time of sequential runs (in one process, or in one process each) divided by that of "
        "one sweep, including compilation and without a compilation cache. The last column is the "
        "largest difference between a parameter in the sweep and in the separate run.",
        "",
        *table([*head, "largest difference"], rows),
    ]


def loss(record: Record) -> list[str]:
    """Memory of the loss at a large batch size."""
    rows = [
        [row["form"], f"{row['compiler_mib']:.0f}", f"{row['peak_above_start_mib']:.0f}"]
        for row in record["rows"]
    ]
    return [
        "## Memory of the loss at a large batch size",
        "",
        f"NT-Xent at batch {record['rows'][0]['batch']}, gradients of a small network, in MiB.",
        "",
        *table(["loss", "compiler's buffers", "peak process memory above baseline"], rows),
    ]


SECTIONS: tuple[tuple[Callable[..., list[str]], tuple[str, ...]], ...] = (
    (peers, ("peer",)),
    (parts, ("step_parts",)),
    (convolutions, ("conv_speed",)),
    (heap, ("heap",)),
    (sweep, ("sweep_speed", "sweep_speed_mlp")),
    (loss, ("loss_memory",)),
)


def page() -> str:
    """docs/speed.md."""
    lines = [
        "# Speed and memory",
        "",
        "Written by `docs/write_speed.py` from the records in `results/`. Each record is produced "
        "by the benchmark of the same name in `benchmarks/`. CPU times are given as ratios only.",
        "",
    ]
    for section, names in SECTIONS:
        paths = [RESULTS / f"{name}.json" for name in names]
        records = [json.loads(path.read_text()) for path in paths if path.exists()]
        if records:
            lines += section(*records)
            lines += [
                f"Hardware: {records[0]['hardware']}; jax {records[0]['versions']['jax']}.",
                "",
            ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
