"""Fine-tuning for forecasting: a time-series encoder with a linear forecasting head."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.augmentations.compose import Views
from jssl.config.experiment import Experiment
from jssl.core.ranges import BelowOne, Count, NonNegative, Positive, Ranged
from jssl.data.source import entry
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Step
from jssl.methods.masked.patchtst import PatchTST
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.drop import dropout
from jssl.training.optim import Optimizer

_EPSILON = 1e-5


@dataclass(frozen=True)
class ForecastRecipe(Ranged):
    """Training recipe of encoder and head, after PatchTST (Nie et al. 2023, section 4.2).

    Linear probing is followed by end-to-end fine-tuning; the paper uses 10 and 20 epochs, and
    dropout before the head.

    Attributes:
      epochs: passes over the training windows, including those that train the head only.
      head_epochs: passes during which the encoder is frozen.
      learning_rate: peak learning rate of Adam, with cosine decay.
      batch_size: windows per batch.
      dropout: dropout rate before the head.
    """

    epochs: Positive = 30
    head_epochs: NonNegative = 10
    learning_rate: NonNegative = 1e-4
    batch_size: Count = 128
    dropout: BelowOne = 0.2


@dataclass(frozen=True)
class Future:
    """An entry of `Views`: the future of a window, normalised by the statistics of its past.

    Attributes:
      field: key of the past.
    """

    field: str = "series"

    def __call__(self, key: jax.Array | None, example: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Normalises the future with the mean and standard deviation of the past.

        Returns:
          {"target" float32 [C, H]: (future - mean) / spread, "spread" float32 [C, 1]}, with mean
          and standard deviation ("spread") of each channel of the past.
        """
        del key
        past = entry(example, self.field)
        mean, spread = jnp.mean(past, axis=0), jnp.sqrt(jnp.var(past, axis=0) + _EPSILON)
        return {"target": ((example["future"] - mean) / spread).T, "spread": spread[:, None]}


class ForecastNet(nn.Module):
    """A channel-independent encoder with one linear forecasting head shared by all channels.

    Attributes:
      encoder: returns the same number of tokens for each channel, in channel-major order.
      channels: number of channels C.
      horizon: forecast horizon H.
      dropout: dropout rate before the head, in training.
    """

    encoder: nn.Module
    channels: int
    horizon: int
    dropout: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps series [B, T, C] to the normalised future, float32 [B, C, H]."""
        tokens = self.encoder(x, train=train).tokens
        if tokens is None:
            raise UserError("this encoder has no tokens to forecast from")
        flat = tokens.reshape(len(tokens), self.channels, -1).astype(jnp.float32)
        if train and self.dropout:
            flat = dropout(self.make_rng("dropout"), flat, self.dropout)
        return Dense(self.horizon, name="head")(flat)


@dataclass(frozen=True)
class TunedForecast(Method):
    """Mean squared forecast error on the scale of the data (Nie et al. 2023, eq. 1).

    Attributes:
      channels: number of channels C.
      horizon: forecast horizon H.
      head_epochs: see `ForecastRecipe`.
      dropout: see `ForecastRecipe`.
    """

    channels: Count = 1
    horizon: Count = 96
    head_epochs: NonNegative = 0.0
    dropout: BelowOne = 0.0

    paper: ClassVar[str] = PatchTST.paper
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and head."""
        return ForecastNet(encoder, self.channels, self.horizon, self.dropout)

    def forward(self, step: Step, views: Mapping[str, Any]) -> Outputs:
        """`prediction` and `right` [B, C, H], normalised, and `spread` [B, C, 1]."""
        prediction = step.student(views["series"])
        right = {"right": views["target"]["target"], "spread": views["target"]["spread"]}
        return {"prediction": prediction, **right}

    def inputs(self, views: Mapping[str, Any]) -> tuple[Any, ...]:
        """The network's inputs."""
        return (views["series"],)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Mean squared error over windows, channels and time steps."""
        error = (outputs["prediction"] - outputs["right"]) * outputs["spread"]
        return jnp.mean(error**2), {"mae": jnp.mean(jnp.abs(error))}

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Zeroes the encoder's update while only the head is trained."""
        free = (step.progress.epoch >= self.head_epochs).astype(jnp.float32)
        still = jax.tree.map(lambda update: update * free, updates["encoder"])
        return {**updates, "encoder": still}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Empty: supervised runs are not monitored for collapse."""
        return Monitored()


def forecasting(
    experiment: Experiment, example: Mapping[str, Any], recipe: ForecastRecipe
) -> Experiment:
    """The forecasting experiment that belongs to a self-supervised experiment.

    Args:
      experiment: the self-supervised one; its encoder, data and preprocessing are kept.
      example: an example of its data, with a past [T, C] and its `future` [H, C].
      recipe: the training recipe.

    Returns:
      The experiment.

    Raises:
      UserError: the data has no field `future`.
    """
    if "future" not in example:
        raise UserError("forecasting needs data with a past and a future, such as ETT")
    horizon, channels = example["future"].shape
    shown = experiment.preprocess
    return dataclasses.replace(
        experiment,
        method=TunedForecast(channels, horizon, recipe.head_epochs, recipe.dropout),
        views=Views(series=shown, target=Future(shown.field)),
        optimizer=Optimizer("adam", learning_rate=recipe.learning_rate, scaling="none"),
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        expected=(),
    )
