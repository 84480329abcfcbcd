"""How well label-free metrics predict a probe: many runs, Spearman's correlation with intervals.

    python benchmarks/label_free_study.py shapes --runs FOLDER [--epochs 10] [--collect]
    python benchmarks/label_free_study.py cifar10 --runs FOLDER --npz cifar10.npz

Methods x hyper-parameters x seeds are trained, each in a folder of its own, so that the same
command goes on where it stopped; `--collect` trains nothing. Writes results/label_free_DATA.json,
.md and .png: the correlation of each metric of the training split with the accuracy of a converged
linear probe on the test split, over all runs and within each method.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jssl.config.experiment import Experiment, load
from jssl.config.overrides import override
from jssl.data import Npz, Part, Shapes
from jssl.errors import UserError
from jssl.evaluation.correlation import spearman
from jssl.evaluation.evaluating import choose, evaluate_run, path_of
from jssl.evaluation.record import Record
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options
from jssl.runs.run import Run, hardware, versions
from jssl.studies import session

# Each method with settings from good to bad, so that the runs differ in quality.
GRID = {
    "simclr": [f"method.temperature={t}" for t in (0.1, 0.5, 2.0)],
    "vicreg": [f"method.covariance={c}" for c in (0.0, 1.0, 25.0)],
    "byol": [f"optimizer.learning_rate={r}" for r in (2e-4, 2e-3, 2e-2)],
    "mae": [f"views.mask.ratio={r}" for r in (0.25, 0.5, 0.75)],
}
PROBE = "linear"
SIGNS = {"alpha-ReQ": -1, "alignment": -1, "uniformity": -1, "loss": -1}  # small is held to be good


CONV = ("encoder.depth=10", "encoder.stem=imagenet", "encoder.width=0.25", "batch_size=128")
VIT = ("encoder.width=64", "encoder.depth=4", "batch_size=128")


def cases(data: str, epochs: float, npz: str | None) -> Iterator[tuple[str, Experiment]]:
    """Names and experiments of all runs, seeds left open; encoders small enough for dozens."""
    for method, settings in GRID.items():
        base = load(f"image/{method}_shapes")
        spec = Shapes(train=4096, validation=1024, test=2048, textures=("solid",))
        if data == "cifar10":
            spec = Part(Npz(npz), train=8000, validation=1000, test=4000)
            like = load(f"image/{'mae' if method == 'mae' else 'simclr'}_cifar10_small")
            base = dataclasses.replace(base, views=like.views, preprocess=like.preprocess)
        base = dataclasses.replace(base, data=spec, epochs=epochs)
        base = override(base, *(VIT if method == "mae" else CONV))
        for setting in settings:
            yield f"{method}/{setting.replace('=', '_')}", override(base, setting)


def collect(runs: Sequence[tuple[str, Run]]) -> list[dict]:
    """One entry a finished run: its metrics and its probe."""
    entries = []
    for name, run in runs:
        paths = [path_of(run, protocol) for protocol in (PROBE, "label_free")]
        if not all(path.exists() for path in paths):
            continue
        probe, free = (Record.load(path) for path in paths)
        losses = [row["loss"] for row in read_metrics(run.folder) if "loss" in row]
        metrics = {k: score["value"] for k, score in free.rows["trained"].items()}
        entries.append(
            {
                "run": name,
                "method": name.split("/")[0],
                "seed": run.seed,
                "fingerprint": run.fingerprint,
                "probe": probe.rows["trained"]["linear"]["value"],
                "untrained": probe.rows["untrained"]["linear"]["value"],
                "metrics": metrics | {"loss": float(np.mean(losses[-5:]))},
            }
        )
    return entries


def add_clid(entries: list[dict]) -> None:
    """CLID: cluster learnability and intrinsic dimension, each as a standard score, added up."""
    parts = ("cluster learnability", "intrinsic dimension")
    scores = np.array([[e["metrics"][part] for part in parts] for e in entries])
    spread = np.maximum(scores.std(axis=0), 1e-12)
    for entry, value in zip(
        entries, ((scores - scores.mean(axis=0)) / spread).sum(axis=1), strict=True
    ):
        entry["metrics"]["CLID"] = float(value)


def correlations(entries: Sequence[dict]) -> list[dict]:
    """Correlation of each metric with the probe, over all runs and within each method.

    The loss is compared within methods alone: losses of two methods share no scale. A metric that
    is held to be good when it is small enters with its sign turned.
    """
    rows = []
    for metric in entries[0]["metrics"]:
        groups = {"all": list(entries)} if metric != "loss" else {}
        for entry in entries:
            groups.setdefault(entry["method"], []).append(entry)
        for group, members in groups.items():
            sign = SIGNS.get(metric, 1)
            pairs = [(sign * e["metrics"][metric], e["probe"]) for e in members]
            try:
                found = spearman(*zip(*pairs, strict=True))
            except UserError as error:
                rows.append({"metric": metric, "group": group, "why not": str(error)})
                continue
            rows.append({"metric": metric, "group": group, **found._asdict()})
    return rows


def write(out: Path, entries: list[dict], command: str) -> None:
    """The JSON, the table and the figure."""
    rows = correlations(entries)
    record = {
        "runs": entries,
        "correlations": rows,
        "command": command,
        "hardware": hardware(),
        "versions": versions(),
    }
    out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    groups = list(dict.fromkeys(row["group"] for row in rows))
    cells = {(r["metric"], r["group"]): r for r in rows}

    def show(metric: str, group: str) -> str:
        row = cells.get((metric, group))
        if row is None or "rho" not in row:
            return ""
        return f"{row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"

    lines = [
        "# Label-free metrics and the linear probe",
        "",
        f"Spearman's correlation over {len(entries)} runs with its 95 % interval (Bonett and "
        "Wright, 2000), which takes runs as independent. Metrics that are held to be good when "
        f"small ({', '.join(SIGNS)}) have their sign turned. Losses are compared within methods.",
        "",
        "| metric | " + " | ".join(groups) + " |",
        "|---|" + "---:|" * len(groups),
    ]
    for metric in entries[0]["metrics"]:
        lines.append(f"| {metric} | " + " | ".join(show(metric, g) for g in groups) + " |")
    lines += ["", f"![Each metric against the probe]({out.name}.png)", "", f"Command: `{command}`"]
    lines += ["", f"Hardware: {hardware()}.", ""]
    out.with_suffix(".md").write_text("\n".join(lines))
    draw(out.with_suffix(".png"), entries)


def draw(path: Path, entries: Sequence[dict]) -> None:
    """A panel for each metric: its value against the probe, coloured by method."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = list(entries[0]["metrics"])
    columns = 4
    lines = -(-len(metrics) // columns)
    figure = Figure((3 * columns, 2.6 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis in axes[len(metrics) :]:
        axis.set_visible(False)
    for axis, metric in zip(axes, metrics, strict=False):
        for method in dict.fromkeys(e["method"] for e in entries):
            own = [e for e in entries if e["method"] == method]
            axis.plot(
                [e["metrics"][metric] for e in own],
                [100 * e["probe"] for e in own],
                "o",
                label=method,
                markersize=4,
            )
        axis.set_xlabel(metric)
    axes[0].set_ylabel("linear probe, %")
    axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Trains what is missing, then writes the study."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", choices=("shapes", "cifar10"))
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--npz", help="CIFAR-10 as .npz")
    parser.add_argument("--epochs", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", help="train only runs whose name contains this")
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    options = Options(devices=1, probe_every=0)
    runs = []
    for name, experiment in cases(arguments.data, arguments.epochs, arguments.npz):
        for seed in range(arguments.seeds):
            folder = arguments.runs / arguments.data / name / f"seed{seed}"
            run = Run(experiment, seed, folder)
            runs.append((name, run))
            if arguments.collect or (arguments.only or "") not in name:
                continue
            if path_of(run, "label_free").exists():
                continue
            print(f"--- {name}, seed {seed}", flush=True)
            session.train(run, options, evaluate=False)
            evaluate_run(run, choose([PROBE, "label_free"]), options)
    entries = collect(runs)
    if len(entries) < 4:
        raise SystemExit(f"{len(entries)} of {len(runs)} runs are finished; four are needed")
    add_clid(entries)
    command = f"python benchmarks/label_free_study.py {arguments.data} --runs FOLDER"
    command += f" --epochs {arguments.epochs:g} --seeds {arguments.seeds}"
    write(arguments.out or Path("results") / f"label_free_{arguments.data}", entries, command)
    print(f"{len(entries)} of {len(runs)} runs")


if __name__ == "__main__":
    main()
