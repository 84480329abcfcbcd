"""Time-series forecasting with a linear head on frozen tokens."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np

from jssl.core.ranges import Count, Positives, Spread
from jssl.data.source import SubsetSource
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.evaluation.arrays import moments
from jssl.evaluation.forecasting import Windows, forecast_probe
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations
from jssl.evaluation.strengths import PENALTIES, PENALTY_BOUNDS


@dataclass(frozen=True)
class Forecast(Evaluation):
    """Mean squared and mean absolute forecast error, on the scale of the data.

    Attributes:
      every: stride over the training windows; consecutive windows hardly differ.
      last: number of trailing tokens of each channel given to the head; None for all. Where the
        encoder receives a masked future, these are the tokens of the future.
      penalties: candidate ridge penalties.
      bounds: smallest and largest penalty that are tried while the best one is at an end.
    """

    every: Count = 4
    last: Count | None = None
    penalties: Positives = PENALTIES
    bounds: Spread = PENALTY_BOUNDS

    about: ClassVar[str] = "forecasting MSE and MAE of a linear head on frozen tokens, per channel"
    source: ClassVar[str] = "Nie et al. 2023, linear probing, with ridge regression for SGD"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured:
        parts = [self.windows(subject, row, part) for part in ("train", "validation", "test")]
        found = forecast_probe(
            *parts, penalties=self.penalties, bounds=self.bounds, select_on=self.select_on
        )
        scores = {name: Score(getattr(found, name), percent=False) for name in ("mse", "mae")}
        scores["validation mse"] = Score(found.validation_mse, percent=False)
        details = dataclasses.asdict(found)
        return Measured(scores, {**details, "path": list(details["path"])})

    def windows(self, subject: Representations, row: str, part: str) -> Windows:
        """Head inputs, past and future of the windows of a split."""
        source = subject.source(part)
        if "future" not in source[0]:
            raise UserError("forecasting needs data with a past and a future, such as ETT")
        if part == "train":
            source = SubsetSource(source, np.arange(0, len(source), self.every))
        batch = source[np.arange(len(source))]
        past, future = batch[subject.program.experiment.preprocess.field], batch["future"]
        if subject.rows[row].program is None:
            mean, spread = (x[:, None] for x in moments(past, 1))
            x = (past - mean) / np.sqrt(spread**2 + 1e-5)
            return Windows(x.transpose(0, 2, 1), past, future)
        tokens = subject.arrays(row, source, all_tokens)[0]["tokens"]
        tokens = tokens.reshape(len(tokens), past.shape[2], -1, tokens.shape[-1])
        if self.last is not None:
            tokens = tokens[:, :, -self.last :]
        return Windows(tokens.reshape(*tokens.shape[:2], -1), past, future)

    def notes(self) -> tuple[str, ...]:
        return (
            "The raw row is a linear map of the normalised past. All windows of the test split "
            "are used, with stride 1.",
        )


def all_tokens(features: Features) -> dict[str, jax.Array]:
    """The tokens in channel-major order, with the same number of tokens for each channel."""
    if features.tokens is None:
        raise UserError("this encoder has no tokens to forecast from")
    return {"tokens": features.tokens}


PROTOCOLS = {"forecast": Forecast()}
