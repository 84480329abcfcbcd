"""The page and the summary that `learning_modalities.py` makes of its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.intervals import mean_spread, plus_minus

Record = dict[str, Any]
FIGURES = Path(__file__).resolve().parent.parent / "docs" / "figures" / "modalities"
PERCENT = {
    "linear",
    "knn",
    "auc",
    "svm",
    "site",
    "5-way 10-shot",
    "10-way 10-shot",
    "zero-shot",
    "a to b @1",
    "a to b @5",
    "b to a @1",
    "b to a @5",
}


def summary(records: list[Record]) -> dict[str, Any]:
    """Means and spreads over seeds, by data set.

    Args:
      records: runs and baselines.

    Returns:
      {"data": [...], "runs": [...]}: for each data set its baselines and methods, and all records.
    """
    rows = []
    for base in (r for r in records if r["kind"] == "baselines"):
        runs = [r for r in records if r["kind"] == "run" and r["data"] == base["data"]]
        methods = {}
        for name in dict.fromkeys(r["method"] for r in runs):
            own = sorted((r for r in runs if r["method"] == name), key=lambda r: r["seed"])
            methods[name] = _method(own, base["first"], base["higher"])
        rows.append({**base, "percent": base["first"] in PERCENT, "methods": methods})
    return {"data": rows, "runs": [r for r in records if r["kind"] == "run"]}


def _method(runs: list[Record], first: str, higher: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: runs[0][key] for key in ("experiment", "overrides", "steps", "parameters", "examples")
    }
    found["seeds"] = [r["seed"] for r in runs]
    found["train_seconds"] = float(np.mean([r["train_seconds"] for r in runs]))
    for row in ("trained", "untrained"):
        found[row] = {
            score: list(mean_spread([r["scores"][row][score] for r in runs]))
            for score in runs[0]["scores"][row]
        }
    gains = [r["scores"]["trained"][first] - r["scores"]["untrained"][first] for r in runs]
    found["gain"] = list(mean_spread([g if higher else -g for g in gains]))
    return found


def _grids(runs: list[Record]) -> str:
    """What the probes of all runs chose their strengths from."""
    return "; or ".join(sorted({run["grids"] for run in runs}))


def text(table: dict[str, Any]) -> str:
    """The page in Markdown."""
    lines = [
        "# Beyond images",
        "",
        "Written by `python benchmarks/learning_modalities.py table` from the records in",
        "`results/modalities/`; do not edit by hand. Scores are mean ± standard deviation over",
        "seeds on the test split; choices were made on the validation split. Accuracies are in %.",
        "*Untrained* is the same encoder before training, with the same seeds. The methods are",
        "those of the image experiments, unchanged, unless a modality has methods of its own.",
        f"Strengths of probes: {_grids(table['runs'])}.",
        "",
    ]
    for modality in dict.fromkeys(row["data"].split("/")[0] for row in table["data"]):
        lines += [f"## {TITLES.get(modality, modality)}", ""]
        for row in table["data"]:
            if row["data"].split("/")[0] == modality:
                lines += _section(row)
    hardware = sorted({row["hardware"] for row in table["runs"]})
    lines += [f"Hardware: {'; '.join(hardware)}.", ""]
    return "\n".join(lines)


TITLES = {
    "series": "Time series",
    "tabular": "Tables",
    "audio": "Audio",
    "graph": "Graphs",
    "text": "Text",
    "image_text": "Images with captions",
    "points": "Point clouds",
    "video": "Video",
    "biology": "Proteins and DNA",
}


# Explanations for methods that gain nothing, or too little to beat a simple baseline.
REMARKS = {
    "biology/gb1": "Only four of the 56 residues vary, independently of each other, so there is "
    "little to learn without scores. The mean over 56 tokens retains about as much of the four "
    "letters as a random projection to 64 dimensions.",
    "series/ETTh1": "The forecast is nearly linear in the past: a linear map of the past is "
    "better than an encoder, and the frozen tokens of an untrained encoder carry the past as well "
    "as those of a trained one.",
    "series/activity": "The untrained patch transformer is better than all trained "
    "encoders. PatchTST processes the axes separately; letting them attend to each other "
    "(`encoder.mix`) does not help either (validation, seed 3: 82.0, untrained 82.6).",
    "series/JapaneseVowels": "The speakers are identified by the levels of the cepstra, which the "
    "per-series normalisation removes. On validation (seed 3, 54 series), PatchTST on unnormalised "
    "series has 96.3 with the linear probe and 94.4 with 5-NN (untrained: 98.1 and 88.9); with "
    "normalisation it has 72 to 76 (untrained: 77.8) in five settings (masking ratio 0.2 instead "
    "of 0.4, learning rates 3e-4 and 3e-3, 300 epochs).",
    "text/stsb": "The cosine similarity of a masked language model's mean-pooled tokens is known "
    "to be a poor measure; BERT's is below that of averaged GloVe vectors (Reimers and Gurevych, "
    "2019; Jiang et al., 2022, section 1).",
}


def _section(row: dict[str, Any]) -> list[str]:
    first, higher = row["first"], row["higher"]
    scores = list(dict.fromkeys(s for m in row["methods"].values() for s in m["trained"]))
    scores = scores or [first]
    lines = [f"### {row['data'].split('/')[1]}", "", row["about"], ""]
    lines.append(f"| features | {' | '.join(scores)} | gain over untrained | seeds | steps |")
    lines.append("|---|" + "---:|" * len(scores) + "---:|---|---:|")
    for name, method in row["methods"].items():
        cells = [_cell(method["trained"].get(s), s) for s in scores]
        gain = _cell(method["gain"], first, "+")
        seeds = " ".join(map(str, method["seeds"]))
        lines.append(f"| **{name}** | {' | '.join(cells)} | {gain} | {seeds} | {method['steps']} |")
        cells = [_cell(method["untrained"].get(s), s) for s in scores]
        lines.append(f"| {name}, untrained | {' | '.join(cells)} | | | |")
    for name, found in row["scores"].items():
        cells = [_cell([found[s], None], s) if s in found else "" for s in scores]
        lines.append(f"| {name} | {' | '.join(cells)} | | | |")
    picture = FIGURES / f"{row['data'].replace('/', '.')}.png"
    shown = [f"![{row['data']}](figures/modalities/{picture.name})", ""] if picture.exists() else []
    remark = [REMARKS[row["data"]], ""] if row["data"] in REMARKS else []
    return [*lines, "", _verdict(row, first, higher), "", *remark, *shown]


def _verdict(row: dict[str, Any], first: str, higher: bool) -> str:
    """One sentence that compares the best method with the best baseline, whatever the outcome."""
    if not row["methods"]:
        return "No run yet."
    sign = 1.0 if higher else -1.0
    best = max(row["methods"], key=lambda m: sign * row["methods"][m]["trained"][first][0])
    value = row["methods"][best]["trained"][first][0]
    simple = max(row["scores"], key=lambda b: sign * row["scores"][b][first])
    bar = row["scores"][simple][first]
    not_learnt = [m for m, found in row["methods"].items() if found["gain"][0] <= 0]
    said = (
        f"The best method ({best}, {_cell([value, None], first)}) "
        f"{'beats' if sign * value > sign * bar else '**does not beat**'} the best simple baseline "
        f"({simple}, {_cell([bar, None], first)})."
    )
    if not_learnt:
        said += f" **Not better than untrained: {', '.join(not_learnt)}.**"
    return said


def _cell(value: list[float | None] | None, score: str, sign: str = "") -> str:
    if value is None:  # a score that this one's records do not have
        return ""
    percent = score in PERCENT
    return plus_minus(*value, percent=percent, digits=".1f" if percent else ".3f", sign=sign)
