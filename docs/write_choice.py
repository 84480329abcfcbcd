"""Writes docs/choose_a_method.md from the records in results/ and the pages of docs/methods/.

python docs/write_choice.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jssl.core.intervals import plus_minus

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "choose_a_method.md"
RESULTS = ROOT / "results"
CONVNET, TRANSFORMER = "ResNet-10, width 0.25", "ViT, 4 blocks of width 64"
_FIRST = 8  # rows of the table of published figures

HEAD = """# Choose a method

Written by `python docs/write_choice.py` from the records in `results/`; do not edit by hand. No
figure on this page is a full-size run of this project: ours are short runs of small encoders on CPU
cores, which say what learns quickly, and the published ones are long runs of large encoders.

## In short

| your case | start with | why |
|---|---|---|
"""


def page() -> str:
    """The text of the page."""
    images = json.loads((RESULTS / "learning_images.json").read_text())
    shapes = json.loads((RESULTS / "learning_shapes.json").read_text())
    others = json.loads((RESULTS / "modalities.json").read_text())["data"]
    lines = [HEAD + "\n".join(_advice(images, shapes, others)), ""]
    lines += [
        "`jssl recommend DIR --minutes N` gives a command for your data and machine",
        "([your own data](your_own_data.md)). Whatever you choose, read the untrained row of the",
        "run's table first: a method that does not exceed it has taught the encoder nothing.",
        "",
        "## Images: the same small budget for every method",
        "",
        f"A part of CIFAR-10 as JPEG, 6400 images without labels, {images['methods'][0]['steps']}"
        " steps of batch 128, probes on",
        "3000 labelled images; linear top-1 accuracy in %, mean ± standard deviation over three "
        "seeds,",
        f"measured on {_hardware(images['hardware'])}. Seconds are the mean time of training of one"
        " run on a machine",
        "with other work. [All columns](../results/learning_images.md).",
        "",
    ]
    for title in (CONVNET, TRANSFORMER):
        rows = [row for row in images["methods"] if _encoder(row) == title]
        lines += [f"### {title}", "", *_budget_table(rows), ""]
    lines += [
        "## Images: published results at full size",
        "",
        "The figures that this project's experiments are compared with, in %. They differ in",
        "encoder, epochs and views: they compare recipes rather than methods.",
        "",
        *_published(),
        "",
        "## Other data",
        "",
        "The best method of each data set that was tried here, the same encoder untrained, and the",
        "best simple baseline of the field (three seeds; [all scores](modalities.md)). Where the",
        "baseline is ahead, start with the baseline.",
        "",
        *_others(others),
        "",
        "## What a method needs",
        "",
        "Views that pass through the network, and whether state is kept besides the weights (a",
        "teacher, a queue, centres: memory of up to another copy of the network).",
        "",
        *_needs(),
    ]
    return "\n".join(lines) + "\n"


def _advice(
    images: dict[str, Any], shapes: dict[str, Any], others: list[dict[str, Any]]
) -> list[str]:
    """Rows of the table of cases."""
    small = sorted(images["methods"], key=lambda row: -row["gain"][0])
    conv = [row for row in small if _encoder(row) == CONVNET]
    vit = [row for row in small if _encoder(row) == TRANSFORMER]
    vit.sort(key=lambda row: -row["trained"][0])
    both = {row["method"]: row for row in shapes["methods"]}
    first, second = conv[:2]
    single = next(row for row in conv if row["method"] == "pretext/rotnet")
    series = [e for e in others if e["data"].startswith("series/") and e["percent"]]
    won = [e for e in series if _best(e)[0] == "simclr"]
    return [
        f"| images, a ResNet, minutes to hours | {_link(first)}, then {_link(second)} | the largest"
        f" gains at the small budget below: {_gain(first)} and {_gain(second)} points, and "
        f"{_gain(both[first['method']])} and {_gain(both[second['method']])} on drawn shapes |",
        f"| images, a ViT, minutes to hours | {_link(vit[0])}, then {_link(vit[1])} | the highest "
        f"accuracies of a small ViT: {vit[0]['trained'][0]:.1f} and {vit[1]['trained'][0]:.1f} %; "
        "most masked methods need far more steps than this budget |",
        "| images, a ViT, days on accelerators | [DINOv2](methods/dinov2.md), "
        "[iBOT](methods/ibot.md), [MAE](methods/mae.md) | the published figures below; the first "
        "two for frozen features, MAE for fine-tuning and the cheapest steps |",
        "| one view an image, no crops that keep the meaning | "
        f"{_link(single)} or a masked method | {_gain(single)} points at the small budget; "
        "the label of a rotation needs images that have an upright |",
        "| small batches | [Barlow Twins](methods/barlow_twins.md), [VICReg](methods/vicreg.md), "
        "[MoCo v2](methods/moco_v2.md) | no negatives from the batch, or a queue of them; "
        f"{_gain(_row(conv, 'redundancy/barlow_twins'))}, {_gain(_row(conv, 'redundancy/vicreg'))} "
        f"and {_gain(_row(conv, 'contrastive/moco_v2'))} points |",
        "| time series | [SimCLR](methods/simclr.md), or [PatchTST](methods/patchtst.md) for "
        f"forecasts | SimCLR is the best of the methods tried on {len(won)} of {len(series)} data "
        "sets for classification |",
        "| text, tables, audio, graphs, clouds, video | the table of other data | the field's own "
        "methods beside SimCLR |",
        "| images with captions | [CLIP](methods/clip.md) | the shared space answers queries in "
        "words |",
        "| a trained run and some labels | [FineTune](methods/finetune.md), "
        "[Distill](methods/distill.md) | [training in stages](stages.md) |",
    ]


def _row(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["method"] == name)


def _encoder(row: dict[str, Any]) -> str:
    changed = row["runs"][0]["overrides"]
    return CONVNET if "encoder.stem=imagenet" in changed else TRANSFORMER


def _budget_table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| method | trained | untrained | gain | kNN | seconds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: -row["gain"][0]):
        seconds = sum(run["train_seconds"] for run in row["runs"]) / len(row["runs"])
        knn = row["probes"]["knn"]["trained"]
        lines.append(
            f"| {_link(row)} | {_spread(row['trained'])} | {_spread(row['untrained'])} | "
            f"{_gain(row)} | {_spread(knn)} | {seconds:.0f} |"
        )
    return lines


def _pages() -> dict[str, str]:
    folder = ROOT / "docs" / "methods"
    return {p.stem: p.read_text() for p in sorted(folder.glob("*.md")) if p.name != "README.md"}


def _published() -> list[str]:
    """Rows of ImageNet's published figures, best linear probes first, from the methods' pages."""
    rows = []
    for stem, text in _pages().items():
        found = re.findall(
            r"^\| imagenet \| ([^|]+) \| ([\d.]+) \| ([^|]+) \|$", text, re.MULTILINE
        )
        by_probe: dict[str, tuple[float, str]] = {}
        for probe, value, source in found:
            by_probe.setdefault(probe.strip(), (float(value), source.strip()))
        if by_probe:
            rows.append((stem, _title(text), by_probe))
    lines = []
    for probe in ("linear", "knn", "fine-tuned"):
        best = sorted((r for r in rows if probe in r[2]), key=lambda row: -row[2][probe][0])
        if not best:
            continue
        lines += [f"| ImageNet, {probe} | published | encoder and length |", "|---|---:|---|"]
        for stem, title, figures in best[:_FIRST]:
            value, source = figures[probe]
            lines.append(f"| [{title}](methods/{stem}.md) | {value:.1f} | {source} |")
        lines.append("")
    return lines[:-1]


def _best(entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    sign = 1 if entry["higher"] else -1
    return max(
        entry["methods"].items(), key=lambda item: sign * item[1]["trained"][entry["first"]][0]
    )


def _others(entries: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| data | score | best method | trained | untrained | best baseline |",
        "|---|---|---|---:|---:|---|",
    ]
    for entry in entries:
        first, percent = entry["first"], entry["percent"]
        name, method = _best(entry)
        known = {n: s[first] for n, s in entry["scores"].items() if s.get(first) is not None}
        pick = max if entry["higher"] else min
        baseline = pick(known, key=known.__getitem__) if known else None
        told = "–" if baseline is None else f"{baseline}: {_number(known[baseline], percent)}"
        shown = [
            _spread(method[row][first], 100 if percent else 1, 1 if percent else 3)
            for row in ("trained", "untrained")
        ]
        lines.append(f"| {entry['data']} | {first} | {name} | {' | '.join(shown)} | {told} |")
    return lines


def _needs() -> list[str]:
    lines = ["| method | views | state |", "|---|---|---|"]
    for stem, text in _pages().items():
        views = _section(text, "Views").split(". ")[0].rstrip(".").replace("|", r"\|")
        state = _section(text, "Memory")
        held = "none" if state.startswith("None") else "yes"
        lines.append(f"| [{_title(text)}](methods/{stem}.md) | {views} | {held} |")
    return lines


def _section(text: str, heading: str) -> str:
    found = re.search(rf"^## {heading}\n\n(.*?)(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _title(text: str) -> str:
    return text.split("\n", 1)[0].removeprefix("# ")


def _link(row: dict[str, Any]) -> str:
    stem = row["method"].split("/")[1]
    return f"[{_title((ROOT / 'docs' / 'methods' / f'{stem}.md').read_text())}](methods/{stem}.md)"


def _gain(row: dict[str, Any]) -> str:
    return f"{row['gain'][0]:+.1f}"


def _number(value: float, percent: bool) -> str:
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"


def _spread(value: list[float], factor: float = 1, digits: int = 1) -> str:
    mean, spread = (None if v is None else factor * v for v in value)
    return plus_minus(mean, spread, digits=f".{digits}f")


def _hardware(text: str) -> str:
    return text.replace("1 x cpu (x86_64)", "CPU cores (x86_64)")


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
