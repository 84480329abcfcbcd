"""Collects the contents of a run's page: results, curves, views, reconstructions, embeddings."""

from __future__ import annotations

import functools
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jssl.augmentations.compose import Pipeline, Views
from jssl.core.state import TrainState
from jssl.core.table import Table
from jssl.data.source import Source, Splits
from jssl.errors import MALFORMED, UserError
from jssl.evaluation.record import Record
from jssl.evaluation.run_table import run_table
from jssl.evaluation.tables import record_table
from jssl.logging.writer import read_metrics
from jssl.plan import accounting
from jssl.reporting import figures
from jssl.reporting.embedding_figures import embedding_figures, is_image
from jssl.reporting.page import Figure, themed, write_report
from jssl.reporting.token_figures import token_figures
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
    pictures = _curves(metrics)
    if is_image(splits.train, program.experiment.preprocess.field):
        pictures |= _views(program, splits.train)
        pictures |= _reconstructions(program, state, splits.test)
        pictures |= token_figures(program, state, splits.test)
    if records is not None or "label" not in splits.test[0]:
        pictures |= embedding_figures(program, state, splits)
    losses = [row["loss"] for row in metrics if "loss" in row]
    published = run.experiment.expected
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        if isinstance(picture.image, bytes):
            (folder / f"{name.lower().replace(' ', '_')}.png").write_bytes(picture.image)
    return write_report(
        run.folder,
        title=run.experiment.name,
        summary={
            "method": type(run.experiment.method).__name__,
            "family": run.experiment.family,
            "paper": run.experiment.paper,
            "steps": f"{int(state.step)} of {program.steps}",
            "global batch": run.experiment.batch_size,
            "seed": run.seed,
            **({} if run.own is None else {"data": run.own.line, "data from": run.own.path}),
            "final loss": f"{losses[-1]:.4f}" if losses else "none recorded",
            "hardware": record.get("hardware", "not recorded"),
            "command": record.get("command", "not recorded"),
            **accounting.summary(run.folder, program),
            **{f"published {name}": f"{value:g} ({source})" for name, value, source in published},
        },
        result_table=None if records is None else run_table(records),
        tables=_protocols(run),
        figures=pictures,
        alarms=[*identity.accepted(record), *_alarms(run)],
        config=_config(record),
    )


def _alarms(run: Run) -> Sequence[str]:
    """What the collapse alarm said; see `jssl/health/monitor.py`."""
    if not run.alarms.exists():
        return ()
    try:
        found = json.loads(run.alarms.read_text())
        return [f"{alarm['sentence']}. Last seen at step {alarm['last_step']}." for alarm in found]
    except (OSError, *MALFORMED):
        return [f"{run.alarms.name} is damaged and was not read"]


def _protocols(run: Run) -> dict[str, Table]:
    """Tables of the protocols already evaluated with `jssl evaluate --protocol` on this run."""
    folder = run.folder / "evaluations"
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            record = Record.load(path)
            if record.run["fingerprint"] == run.fingerprint:
                found[path.stem] = record_table(record)
        except MALFORMED as error:
            raise UserError(
                f"{path} is damaged: remove it, or measure the protocol again"
            ) from error
    return found


def _config(record: Mapping[str, Any]) -> str:
    text = json.dumps(record["experiment"], indent=1)
    packages = record.get("versions", {})
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return text + "\n\n" + textwrap.fill(f"versions: {versions}", 100)


def _curves(metrics: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    pictures = {}
    loss = [(row["step"], row["loss"]) for row in metrics if "loss" in row]
    if loss:
        pictures["Loss"] = themed(
            figures.curves,
            {"loss": loss},
            ylabel="loss",
            caption="Training loss over optimizer steps.",
            alt=f"Loss curve, from {loss[0][1]:.3g} to {loss[-1][1]:.3g}.",
        )
    probe = [(row["step"], row["validation_knn"]) for row in metrics if "validation_knn" in row]
    if probe:
        pictures["Validation probe"] = themed(
            figures.curves,
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
            caption="Eight training images and the augmented views the method sees."
            + shown_as(originals.shape[-1]),
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
