"""Fine-tuning of the whole encoder or its last blocks, for classification or forecasting."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np

from jssl.config.experiment import Experiment
from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Count
from jssl.data.part import Part
from jssl.data.source import Source
from jssl.errors import UserError
from jssl.evaluation.features import extract_arrays
from jssl.evaluation.finetuning import Tuning, tuned
from jssl.evaluation.forecast_tuning import ForecastRecipe, Future, forecasting
from jssl.evaluation.record import Evaluation, Measured, Score, identity
from jssl.evaluation.representations import Representations
from jssl.evaluation.supervision import class_count
from jssl.runs import warm_start
from jssl.runs.loop import Finished, Options, fit
from jssl.runs.run import Run
from jssl.training import sharding


@dataclass(frozen=True)
class FineTuning(Evaluation):
    """Trains encoder and classifier on the labels, from the pretrained weights and from scratch.

    Each training has its own folder inside the run's, so that an interrupted one resumes.

    Attributes:
      recipe: see `jssl.evaluation.finetuning.Tuning`; `--set recipe.epochs=20` changes it.
      labels: number of labelled training examples, a stratified subset that `seed` draws, the same
        for every row; None for the whole training split.
    """

    recipe: Tuning = dataclasses.field(default_factory=Tuning)
    labels: Count | None = None

    about: ClassVar[str] = "fine-tuning with layer-wise rates, mixup, CutMix; partial: last blocks"
    source: ClassVar[str] = "He et al. 2022, MAE, table 9"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if row not in ("trained", "untrained"):
            return None
        if subject.run is None:
            raise UserError("fine-tuning starts from a run's folder: use jssl evaluate RUN")
        count = self.labels or len(subject.splits.train)
        classes = class_count(subject.splits)
        experiment = tuned(subject.run.experiment, classes, count, self.recipe)
        if self.labels is not None:
            few = Part(experiment.data, train=count, seed=self.seed)
            experiment = dataclasses.replace(experiment, data=few)
        finished, start = train_on(subject, row, experiment, identity("finetune", self), self.seed)
        scores = {}
        for title, part in (("fine-tuned", "test"), ("validation", "validation")):
            source = subject.source(part)
            right = accuracy_of(finished, source)
            interval = binomial_interval(right, len(source)) if part == "test" else None
            scores[title] = Score(right, interval)
        return Measured(scores, {"start": start})

    def notes(self) -> tuple[str, ...]:
        return (
            "The untrained row is the same training from scratch. Last epoch; nothing is chosen.",
        )


@dataclass(frozen=True)
class ForecastFineTuning(Evaluation):
    """Trains encoder and linear forecasting head, from the pretrained weights and from scratch.

    Each training has its own folder inside the run's, so that an interrupted one resumes.

    Attributes:
      recipe: see `jssl.evaluation.forecast_tuning.ForecastRecipe`.
    """

    recipe: ForecastRecipe = dataclasses.field(default_factory=ForecastRecipe)

    about: ClassVar[str] = "forecasting MSE and MAE of encoder and linear head, fine-tuned"
    source: ClassVar[str] = "Nie et al. 2023, end-to-end fine-tuning after the head alone"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if row not in ("trained", "untrained"):
            return None
        if subject.run is None:
            raise UserError("fine-tuning starts from a run's folder: use jssl evaluate RUN")
        experiment = forecasting(subject.run.experiment, subject.splits.train[0], self.recipe)
        name = identity("forecast_finetune", self)
        finished, start = train_on(subject, row, experiment, name, self.seed)
        scores = {}
        for part, title in (("test", ""), ("validation", "validation ")):
            found = forecast_errors(finished, subject.source(part))
            scores |= {f"{title}{k}": Score(v, percent=False) for k, v in found.items()}
        return Measured(scores, {"start": start})

    def notes(self) -> tuple[str, ...]:
        return (
            "The untrained row is the same training from scratch. Last epoch; nothing is chosen. "
            "All windows of the test split are used, with stride 1.",
        )


def train_on(
    subject: Representations, row: str, experiment: Experiment, name: str, seed: int
) -> tuple[Finished, dict[str, Any] | None]:
    """Trains an experiment inside a run's folder, from the run's encoder or from scratch.

    Args:
      subject: holds the run.
      row: "trained" starts from the run's newest checkpoint, any other row from scratch.
      experiment: the experiment to train.
      name: name of the folder inside the run's folder `finetuned`.
      seed: seed of the training.

    Returns:
      The finished training, and its starting point in plain JSON types.

    Raises:
      UserError: the training was interrupted.
    """
    start = warm_start.resolve(subject.run.folder) if row == "trained" else None
    folder = subject.run.folder / "finetuned" / name / row
    run = subject.run
    own = Run(
        experiment, seed, folder, run.overrides, start, run.trust, run.accept_changes, run.file
    )
    mesh = subject.program.mesh
    options = Options(devices=mesh.size, fsdp=mesh.shape["fsdp"], probe_every=0, on_collapse="off")
    finished = fit(own, options, log=lambda line: None)
    finished.require("fine-tuning")
    return finished, None if start is None else dataclasses.asdict(start)


def accuracy_of(finished: Finished, source: Source) -> float:
    """Top-1 accuracy of a fine-tuned net on a labelled source."""
    logits, truth = outputs_of(finished, source, lambda out: out[0], label="label")
    return float((logits.argmax(axis=1) == truth).mean())


def forecast_errors(finished: Finished, source: Source) -> dict[str, float]:
    """Forecast errors "mse" and "mae" of a fine-tuned net, on the scale of the data."""
    prediction, _ = outputs_of(finished, source, lambda out: out, label=None)
    right = jax.jit(
        jax.vmap(lambda past, future: Future()(None, {"series": past, "future": future}))
    )
    batch = source[np.arange(len(source))]
    found = right(batch[finished.program.experiment.preprocess.field], batch["future"])
    error = (prediction - np.asarray(found["target"])) * np.asarray(found["spread"])
    return {"mse": float(np.mean(error**2)), "mae": float(np.mean(np.abs(error)))}


def outputs_of(
    finished: Finished, source: Source, select: Callable[[Any], jax.Array], *, label: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of a fine-tuned net for every example of a source, and the labels."""
    program, state = finished.program, finished.state
    pipeline = program.experiment.preprocess
    view = jax.jit(jax.vmap(lambda x: pipeline(None, {pipeline.field: x})))

    @jax.jit
    def run(x: jax.Array) -> dict[str, jax.Array]:
        out = program.net.apply({"params": state.params, **state.stats}, x, train=False)
        return {"out": select(out)}

    size = -(-min(program.experiment.batch_size, 256) // program.mesh.size) * program.mesh.size
    arrays, truth = extract_arrays(
        run,
        source,
        batch_size=size,
        preprocess=lambda batch: np.asarray(view(batch[pipeline.field])),
        sharding=sharding.batch_sharding(program.mesh),
        label=label,
    )
    return arrays["out"], truth


PROTOCOLS = {
    "finetune": FineTuning(),
    "finetune_partial": FineTuning(recipe=Tuning(last_blocks=4)),
    "forecast_finetune": ForecastFineTuning(),
}
