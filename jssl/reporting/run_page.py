"""Collects the contents of a run's page: results, curves, views, reconstructions, embeddings."""

from __future__ import annotations

import functools
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jssl.augmentations.compose import Pipeline, Views
from jssl.core.state import TrainState
from jssl.data.source import Source, Splits
from jssl.errors import UserError
from jssl.evaluation.record import Record
from jssl.evaluation.run_table import check_measurable, run_table
from jssl.evaluation.tables import record_table
from jssl.logging.writer import read_metrics
from jssl.plan import accounting
from jssl.reporting import figures
from jssl.reporting.charts import Chart
from jssl.reporting.embedding_figures import embedding_figures, is_image
from jssl.reporting.page import Drawing, Figure, write_report
from jssl.reporting.run_contents import display_name, read_alarms, read_protocols
from jssl.reporting.token_figures import token_figures
from jssl.reporting.verdict import Course, judge
from jssl.reporting.visible import shown_as, visible
from jssl.runs import identity
from jssl.runs.run import Run, read_record
from jssl.training.program import Program

_SHOWN = 8


def write_run_page(
    run: Run, program: Program, state: TrainState, splits: Splits, records: Sequence[Record] | None
) -> Path:
    """Writes `report.html` into the run's folder.

    Args:
      run: the run.
      program: the compiled experiment.
      state: the train state to visualise.
      splits: the data.
      records: those of the run's table (`jssl.evaluation.run_table`), or None.

    Returns:
      The path of the page.
    """
    record = read_record(run.folder)
    metrics = read_metrics(run.folder)
    protocols = read_protocols(run.folder)
    alarms, warnings = read_alarms(run.folder)
    pictures = _curves(metrics)
    pictures |= embedding_figures(program, state, splits)
    if is_image(splits.train, program.experiment.preprocess.field):
        pictures |= _views(program, splits.train)
        pictures |= _reconstructions(program, state, splits.test)
        pictures |= token_figures(program, state, splits.test)
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name.lower().replace(' ', '_')}.png").write_bytes(picture.png())
    losses = [row["loss"] for row in metrics if "loss" in row]
    course = Course(int(state.step), program.steps, losses, alarms)
    free = protocols.get("label_free")
    return write_report(
        run.folder,
        title=display_name(run.experiment.name),
        subtitle=_subtitle(run),
        verdict=judge(records, free, course, why=_obstacle(splits)),
        summary=_facts(run, program, state, record, losses),
        result_table=None if records is None else run_table(records),
        tables={name: record_table(found) for name, found in protocols.items()},
        figures=pictures,
        alarms=[*identity.accepted(record), *warnings],
        config=_config(record),
    )


def _obstacle(splits: Splits) -> str:
    """Why the run's table cannot be measured on these data; "" if it can."""
    if not {"label", "tags"} & splits.train[0].keys():
        return "the data have no labels"
    try:
        check_measurable(splits)
    except UserError as error:
        return str(error)
    return ""


def _subtitle(run: Run) -> str:
    data = [] if run.own is None else [f"on {Path(run.own.path).name}"]
    return ", ".join((type(run.experiment.method).__name__, *data, f"seed {run.seed}"))


def _facts(
    run: Run, program: Program, state: TrainState, record: Mapping[str, Any], losses: Sequence
) -> dict[str, Any]:
    experiment = run.experiment
    own = {} if run.own is None else {"data": run.own.line, "data from": run.own.path}
    named = experiment.name != display_name(experiment.name)
    return {
        "family": experiment.family,
        "steps": f"{int(state.step):,} of {program.steps:,}",
        "global batch": experiment.batch_size,
        "final loss": f"{losses[-1]:.4f}" if losses else "none recorded",
        "hardware": record.get("hardware", "not recorded"),
        **accounting.summary(run.folder, program),
        **({"experiment file": experiment.name} if named else {}),
        **own,
        **{f"published {n}": f"{value:g} ({source})" for n, value, source in experiment.expected},
        "paper": experiment.paper or "none",
        "command": record.get("command", "not recorded"),
    }


def _config(record: Mapping[str, Any]) -> str:
    text = json.dumps(record["experiment"], indent=1)
    packages = record.get("versions", {})
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return text + "\n\n" + textwrap.fill(f"versions: {versions}", 100)


def _curves(metrics: Sequence[Mapping[str, float]]) -> dict[str, Drawing]:
    pictures: dict[str, Drawing] = {}
    loss = [(row["step"], row["loss"]) for row in metrics if "loss" in row]
    if any(math.isfinite(value) for _, value in loss):
        pictures["Loss"] = Chart(
            {"loss": loss},
            ylabel="loss",
            caption="Training loss over optimizer steps.",
            alt=f"Loss curve, from {loss[0][1]:.3g} to {loss[-1][1]:.3g}.",
        )
    probe = [(row["step"], row["validation_knn"]) for row in metrics if "validation_knn" in row]
    if probe:
        pictures["Validation probe"] = Chart(
            {"20-NN": probe},
            ylabel="accuracy on validation",
            percent=True,
            caption="20-NN accuracy on a part of the validation split while training.",
            alt=f"Probe curve, ending at {100 * probe[-1][1]:.1f} %.",
        )
    return pictures


def _views(program: Program, source: Source) -> dict[str, Figure]:
    experiment = program.experiment
    index = np.arange(min(_SHOWN, len(source)))
    batch = {**source[index], "index": index.astype(np.int32)}
    made = jax.jit(experiment.views)(jax.random.key(0), batch)
    shown = {}
    for name, value in made.items():
        value = value["image"] if isinstance(value, Mapping) and "image" in value else value
        if isinstance(value, Mapping):
            continue
        pipeline = _pipeline(experiment.views, name)
        for i, one in enumerate(_draws(np.asarray(value))):
            label = name if np.ndim(value) == 4 else f"{name} {i + 1}"
            if one.ndim == 4:
                shown[label] = visible(displayable(one, pipeline))
    if not shown:
        return {}
    originals = batch[experiment.preprocess.field]
    return {
        "Views": Figure(
            figures.view_grid(visible(originals), shown),
            caption="Training images and the augmented views the method sees; rows from the top: "
            f"original, {', '.join(shown)}." + shown_as(originals.shape[-1]),
            alt=f"Grid of originals and of the views {', '.join(shown)}.",
        )
    }


def _draws(value: np.ndarray) -> list[np.ndarray]:
    """Splits [B, V, H, W, C] into at most four views; [B, H, W, C] is one view."""
    return [value] if value.ndim < 5 else [value[:, i] for i in range(min(value.shape[1], 4))]


def _pipeline(views: Views, name: str) -> Any:
    return dict(views.entries)[name]


def displayable(images: np.ndarray, pipeline: Any) -> np.ndarray:
    """Inverts a pipeline's normalisation for display.

    Args:
      images: float [B, H, W, C].
      pipeline: the pipeline that produced them.

    Returns:
      float32 [B, H, W, C] in [0, 1].
    """
    mean, std = _statistics(pipeline)
    return np.clip(np.asarray(images, np.float32) * std + mean, 0.0, 1.0)


def _statistics(node: Any) -> tuple[np.ndarray, np.ndarray]:
    inner = getattr(node, "entry", getattr(node, "inner", node))
    ops = inner.ops if isinstance(inner, Pipeline) else ()
    for op in ops:
        if isinstance(op, functools.partial) and op.func.__name__ == "normalise":
            return np.asarray(op.keywords["mean"]), np.asarray(op.keywords["std"])
    return np.zeros(1), np.ones(1)


def _reconstructions(program: Program, state: TrainState, source: Source) -> dict[str, Figure]:
    experiment = program.experiment
    index = np.arange(min(_SHOWN, len(source)))
    batch = {**source[index], "index": index.astype(np.int32)}

    def rebuild(state: TrainState, batch: Any) -> Any:
        views = experiment.views(jax.random.key(0), batch)
        method = experiment.method
        return method.reconstruct(program.at(state), views)

    parts = jax.jit(rebuild)(state, batch)
    if parts is None:
        return {}
    image = next(iter(dict(experiment.views.entries).values()))
    shown = {name: visible(displayable(np.asarray(part), image)) for name, part in parts.items()}
    return {
        "Reconstructions": Figure(
            figures.reconstruction_grid(shown["input"], shown["reconstruction"], shown["original"]),
            caption="Test images: what the encoder saw, the decoder's answer for the hidden "
            "patches, and the original.",
            alt="Rows of masked inputs, reconstructions and originals.",
        )
    }
