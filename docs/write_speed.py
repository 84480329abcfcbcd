"""Writes docs/speed.md from the records of the benchmarks of speed and memory.

    python docs/write_speed.py

Each section says which command made its record; a record that is missing has no section.
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
    """jssl beside PyTorch."""
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
        "## Beside PyTorch",
        "",
        "Same method, model, batch, augmentation, optimizer and precision on the same "
        f"{record['cores']} cores, in turns within one run; views a second end to end, as the "
        f"ratio of the medians of {record['turns']} turns (above 1: jssl is faster). PyTorch "
        f"{first['torch']} reads through its DataLoader and Pillow; both keep freed memory.",
        "",
        *table(["run", "batch", "precision", "jssl / PyTorch"], rows),
    ]


def parts(record: Record) -> list[str]:
    """Where the time of a step goes."""
    names = list(record["rows"][0]["shares"])
    rows = [
        [row["title"], *(f"{max(100 * row['shares'][name], 0):.0f} %" for name in names)]
        for row in record["rows"]
    ]
    return [
        "## Where the time of a step goes",
        "",
        f"Batch {record['rows'][0]['batch']}, float32, one process with all cores; a part is what "
        "it adds to the parts before it.",
        "",
        *table(["run", *names], rows),
    ]


def convolutions(record: Record) -> list[str]:
    """The ResNet's convolutions beside PyTorch's."""
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
        f"3 x 3, batch {record['batch']}, speed of jssl over that of PyTorch with its arrays "
        "channels-last and in its default layout (above 1: jssl is faster). Where it is below 1, "
        "the ResNet's time goes.",
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
    """Memory kept between steps."""
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
    head = ["run", "time of a step, anew / kept", "share of the system", "page faults a step"]
    return [
        "## Memory kept between steps",
        "",
        "What `jssl.heap.keep_freed_memory` changes on a CPU: buffers taken anew at each call "
        "against those kept from the call before.",
        "",
        *table([*head, "peak memory, kept / anew"], rows),
    ]


def sweep(*records: Record) -> list[str]:
    """Seeds as one program."""
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
    head = ["run", "seeds", "in turn / sweep", "a process each / sweep"]
    return [
        "## Many seeds as one program",
        "",
        "Total time from start to end, compilation included and without a compilation cache, of "
        "the seeds one after the other (in one process, or in one each) over that of one sweep; "
        "and how far any parameter of a run is from that of the run alone.",
        "",
        *table([*head, "largest difference"], rows),
    ]


def loss(record: Record) -> list[str]:
    """Memory of a large batch."""
    rows = [
        [row["form"], f"{row['compiler_mib']:.0f}", f"{row['peak_above_start_mib']:.0f}"]
        for row in record["rows"]
    ]
    return [
        "## Memory of a large batch",
        "",
        f"NT-Xent at batch {record['rows'][0]['batch']}, gradients of a small network; MiB.",
        "",
        *table(["loss", "compiler's buffers", "peak of the process above its start"], rows),
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
        "# Speed and memory, measured",
        "",
        "Written by `docs/write_speed.py` from records in `results/`, each made by the benchmark "
        "of its name in `benchmarks/`. Times on a CPU are given as ratios only.",
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
