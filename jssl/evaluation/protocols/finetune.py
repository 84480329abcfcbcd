"""Fine-tuning of the whole encoder, or of its last blocks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np

from jssl import handover, sharding
from jssl.data.source import Source
from jssl.errors import UserError
from jssl.evaluation.features import extract_arrays
from jssl.evaluation.finetuning import Tuning, tuned
from jssl.evaluation.protocol import binomial_interval
from jssl.evaluation.record import Evaluation, Measured, Score, identity
from jssl.evaluation.subject import Subject
from jssl.evaluation.supervision import class_count
from jssl.loop import Finished, Options, fit
from jssl.run import Run


@dataclass(frozen=True)
class FineTuning(Evaluation):
    """Trains encoder and classifier on the labels, from the run and from scratch.

    Each training has a folder in the run's: an interrupted one goes on.

    Attributes:
      recipe: see `jssl.evaluation.finetuning.Tuning`; `--set recipe.epochs=20` changes it.
    """

    recipe: Tuning = dataclasses.field(default_factory=Tuning)

    about: ClassVar[str] = "fine-tuning with layer-wise rates, mixup, CutMix; partial: last blocks"
    source: ClassVar[str] = "He et al. 2022, MAE, table 9"

    def measure(self, subject: Subject, row: str) -> Measured | None:
        if row not in ("trained", "untrained"):
            return None
        if subject.run is None:
            raise UserError("fine-tuning starts from a run's folder: use jssl evaluate RUN")
        train = subject.splits.train
        classes = class_count(subject.splits)
        experiment = tuned(subject.run.experiment, classes, len(train), self.recipe)
        name = identity("finetune", self)
        start = handover.find(subject.run.folder) if row == "trained" else None
        own = Run(
            experiment,
            self.seed,
            subject.run.folder / "finetuned" / name / row,
            subject.run.overrides,
            start,
        )
        mesh = subject.program.mesh
        options = Options(
            devices=mesh.size, fsdp=mesh.shape["fsdp"], probe_every=0, on_collapse="off"
        )
        finished = fit(own, options, say=lambda line: None)
        if not finished.complete:
            raise UserError("fine-tuning was interrupted; the same command goes on from there")
        scores = {}
        for title, part in (("fine-tuned", "test"), ("validation", "validation")):
            source = subject.source(part)
            right = accuracy_of(finished, source)
            interval = binomial_interval(right, len(source)) if part == "test" else None
            scores[title] = Score(right, interval)
        return Measured(scores, {"start": None if start is None else dataclasses.asdict(start)})

    def notes(self) -> tuple[str, ...]:
        return (
            "The untrained row is the same training from scratch. Last epoch; nothing is chosen.",
        )


def accuracy_of(finished: Finished, source: Source) -> float:
    """Top-1 accuracy of a fine-tuned net on a labelled source."""
    program, state = finished.program, finished.state
    pipeline = program.experiment.preprocess
    view = jax.jit(jax.vmap(lambda x: pipeline(None, {pipeline.field: x})))

    @jax.jit
    def classify(x: jax.Array) -> dict[str, jax.Array]:
        logits, _ = program.net.apply({"params": state.params, **state.stats}, x, train=False)
        return {"logits": logits}

    size = -(-min(program.experiment.batch_size, 256) // program.mesh.size) * program.mesh.size
    arrays, truth = extract_arrays(
        classify,
        source,
        batch_size=size,
        preprocess=lambda batch: np.asarray(view(batch[pipeline.field])),
        sharding=sharding.batch_sharding(program.mesh),
    )
    return float((arrays["logits"].argmax(axis=1) == truth).mean())


PROTOCOLS = {
    "finetune": FineTuning(),
    "finetune_partial": FineTuning(recipe=Tuning(last_blocks=4)),
}
