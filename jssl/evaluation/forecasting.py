"""Forecasting probe: ridge regression from frozen features to the future, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import chex
import numpy as np

from jssl.evaluation.arrays import moments
from jssl.evaluation.linear import check_selection
from jssl.evaluation.ridge import RidgePath
from jssl.evaluation.strengths import PENALTIES, PENALTY_BOUNDS, search


class Windows(NamedTuple):
    """Windows of a time series with the features of their past.

    Attributes:
      features: float32 [N, C, F], per channel.
      past: float32 [N, T, C].
      future: float32 [N, H, C].
    """

    features: np.ndarray
    past: np.ndarray
    future: np.ndarray


@dataclass(frozen=True)
class ForecastResult:
    """Result of a forecasting probe.

    Attributes:
      mse: mean squared error on test, over windows, time steps and channels.
      mae: mean absolute error on test.
      validation_mse: mean squared error on validation with the selected penalty.
      penalty: the selected penalty.
      path: "penalty" and "validation_mse" of each candidate, in the order of the attempts.
      at_edge: whether the search for the penalty ended at its bound; a better one may lie beyond.
    """

    mse: float
    mae: float
    validation_mse: float
    penalty: float
    path: tuple[dict[str, float], ...]
    at_edge: bool


def forecast_probe(
    train: Windows,
    validation: Windows,
    test: Windows,
    *,
    penalties: Sequence[float] = PENALTIES,
    bounds: tuple[float, float] = PENALTY_BOUNDS,
    select_on: str = "validation",
) -> ForecastResult:
    """Ridge regression of the future on features, with one map shared by all channels.

    Past and future of a window are normalised per channel by the mean and standard deviation of the
    past (reversible instance normalisation: Kim et al., 2022). Errors are computed after
    denormalisation, on the scale of the data.

    Args:
      train: windows on which the map is fitted.
      validation: windows used to select the penalty.
      test: windows on which errors are reported.
      penalties: candidate ridge penalties; see `strengths.search`.
      bounds: smallest and largest penalty that are tried while the best one is at an end.
      select_on: "validation"; any other value is an error.

    Returns:
      The result.
    """
    check_selection(select_on)
    for windows in (train, validation, test):
        chex.assert_rank(list(windows), 3)
        chex.assert_equal_shape([windows.past, windows.future], dims=(0, 2))
        chex.assert_axis_dimension(windows.features, 1, windows.past.shape[2])
    x, y = _rows(train)
    mean, spread = moments(x)
    spread = np.maximum(spread, 1e-6)
    path = RidgePath.fit((x - mean) / spread, y)

    def weights(penalty: float) -> tuple[np.ndarray, np.ndarray]:
        return _unscaled(*path.solve(penalty), mean, spread)

    def score(penalty: float) -> float:
        return -_errors(validation, weights(penalty))[0]

    choice = search(score, penalties, bounds, strong_is_large=True)
    mse, mae = _errors(test, weights(choice.value))
    return ForecastResult(
        mse=mse,
        mae=mae,
        validation_mse=-choice.score,
        penalty=choice.value,
        path=tuple(
            {"penalty": penalty, "validation_mse": -found}
            for penalty, found in choice.scores.items()
        ),
        at_edge=choice.at_edge,
    )


def _unscaled(
    weights: np.ndarray, offset: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rewrites the map for features that are not standardised."""
    weights = weights / spread[:, None]
    return weights.astype(np.float32), (offset - mean @ weights).astype(np.float32)


def _scale(past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of each window, [N, C, 1]."""
    mean, spread = moments(past, 1)
    return mean[..., None], np.sqrt(spread**2 + 1e-5)[..., None]


def _rows(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Features [N * C, F] and the normalised future [N * C, H]."""
    mean, spread = _scale(windows.past)
    future = (windows.future.transpose(0, 2, 1) - mean) / spread
    features = windows.features.reshape(-1, windows.features.shape[-1])
    return features, future.reshape(len(features), -1)


def _errors(windows: Windows, found: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    mean, spread = _scale(windows.past)
    prediction = (windows.features @ found[0] + found[1]) * spread + mean
    error = prediction - windows.future.transpose(0, 2, 1)
    return float(np.mean(error**2)), float(np.mean(np.abs(error)))
