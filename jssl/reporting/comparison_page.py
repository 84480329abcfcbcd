"""The page that compares runs: curves over each other, results, and the settings that differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from jssl.core.intervals import mean_interval, plus_minus
from jssl.errors import UserError
from jssl.evaluation.record import Record
from jssl.reporting.charts import Chart
from jssl.reporting.comparison import (
    Compared,
    cautions,
    differing_circumstances,
    differing_settings,
    read_runs,
    result_tables,
)
from jssl.reporting.rendering import render, write_page
from jssl.reporting.run_contents import display_name
from jssl.reporting.verdict import OPEN, Verdict, gain_of

FILE = "comparison.html"
_LINEAR = "linear"
# metric -> (heading, label of the axis, whether it is a share)
_METRICS = {
    "loss": ("Loss", "loss", False),
    "validation_knn": ("Validation probe: 20-NN", "accuracy on validation", True),
    "validation_centroid": ("Validation probe: nearest centroid", "accuracy on validation", True),
    "validation_rankme": ("Validation probe: RankMe", "effective rank", False),
    "learning_rate": ("Learning rate", "learning rate", False),
    "gradient_norm": ("Gradient norm", "norm of the gradient", False),
}


def write_comparison(folders: Sequence[str | Path], out: str | Path) -> Path:
    """Writes a page that compares runs.

    Args:
      folders: of two runs or more.
      out: path of the page, or an existing folder for `comparison.html`.

    Returns:
      The path of the page.

    Raises:
      UserError: see `jssl.reporting.comparison.read_runs`; or there is no folder to write to.
    """
    path = Path(out)
    path = path / FILE if path.is_dir() else path
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent} to write {path.name} to")
    runs = read_runs(folders)
    shared, others = differing_settings(runs)
    text = render(
        "compare.html",
        title=_title(runs),
        runs=runs,
        verdict=ranking(runs),
        cautions=cautions(runs),
        tables=result_tables(runs),
        figures=charts(runs),
        settings=shared,
        others=others,
        circumstances=differing_circumstances(runs),
    )
    return write_page(path, text)


def _title(runs: Sequence[Compared]) -> str:
    names = {display_name(run.record["name"]) for run in runs}
    shared = f" of {names.pop()}" if len(names) == 1 else ""
    return f"Comparison of {len(runs)} runs{shared}"


def charts(runs: Sequence[Compared]) -> dict[str, Chart]:
    """A chart for each metric that a run has recorded, with a line for each run.

    Runs of different batch sizes are drawn over the examples that they have seen.
    """
    sizes = [run.record["experiment"].get("batch_size") for run in runs]
    by_examples = len(set(sizes)) > 1 and all(isinstance(size, int) for size in sizes)
    found = {}
    for metric, (heading, label, percent) in _METRICS.items():
        series = {
            run.label: [
                (row["step"] * (size if by_examples else 1), row[metric])
                for row in run.metrics
                if metric in row
            ]
            for run, size in zip(runs, sizes, strict=True)
        }
        series = {name: line for name, line in series.items() if _drawable(line)}
        if not series:
            continue
        ends = ", ".join(f"{name} {line[-1][1]:.3g}" for name, line in series.items())
        found[heading] = Chart(
            series,
            ylabel=label,
            xlabel="examples seen" if by_examples else "step",
            percent=percent,
            caption=_caption(len(series), len(runs)),
            alt=f"Curves of {len(series)} runs, ending at: {ends}.",
        )
    return found


def _drawable(line: Sequence[tuple[float, float]]) -> bool:
    return any(math.isfinite(value) for _, value in line)


def _caption(drawn: int, runs: int) -> str:
    return "" if drawn == runs else f"{drawn} of {runs} runs recorded it."


def ranking(runs: Sequence[Compared]) -> Verdict | None:
    """Which run has the best linear probe, and by how much; over seeds, their mean.

    None unless at least two runs were measured under one protocol on one test split.
    """
    measured = {run.label: _linear(run.results) for run in runs}
    records = {label: record for label, record in measured.items() if record is not None}
    if len(records) < 2 or len({_key(record) for record in records.values()}) > 1:
        return None
    scores = {label: r.rows["trained"][_LINEAR] for label, r in records.items()}
    if len({_bare(run.record) for run in runs}) == 1 and len(scores) == len(runs):
        mean, half = mean_interval([score["value"] for score in scores.values()])
        return Verdict(
            f"The runs differ in their seeds only: the linear probe is "
            f"{plus_minus(mean, half, percent=True)} % correct on test, on average over "
            f"{len(scores)} seeds.",
            OPEN,
            note="± is a 95 % interval of the mean over training seeds (Student's t).",
        )
    order = sorted(scores, key=lambda label: -scores[label]["value"])
    best = scores[order[0]]
    parts = []
    for label in order[1:]:
        gain = gain_of(best, scores[label])
        behind = f"is behind by {gain.size}" if gain.sure else f"is level ({gain.size} behind)"
        parts.append(f"{label} {behind}")
    reached = plus_minus(best["value"], best["interval"], percent=True)
    return Verdict(
        f"{order[0]} has the best linear probe, {reached} % correct on test; {', '.join(parts)}.",
        OPEN,
        note="± is a 95 % interval over test examples, of each difference with both scores taken "
        "as independent; it does not cover training seeds.",
    )


def _linear(records: Sequence[Record]) -> Record | None:
    named = (record for record in records if record.protocol["name"] == _LINEAR)
    return next((record for record in named if _LINEAR in record.rows.get("trained", {})), None)


def _key(record: Record) -> tuple[str, str]:
    return record.protocol["id"], record.data["splits"]["test"]["fingerprint"]


def _bare(record: Mapping[str, object]) -> str:
    """What a run is but for its seed."""
    return repr((record["experiment"], record.get("start")))
