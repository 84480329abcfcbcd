"""The forecasting probe: a linear map from frozen features to the future, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jssl.evaluation.arrays import moments
from jssl.evaluation.linear import check_selection
from jssl.evaluation.ridge import RidgePath

PENALTIES = tuple(10.0**power for power in range(-1, 6))


class Windows(NamedTuple):
    """Windows of a series with what is known of their past.

    Attributes:
      features: float32 [N, C, F], of each channel.
      past: float32 [N, T, C].
      future: float32 [N, H, C].
    """

    features: np.ndarray
    past: np.ndarray
    future: np.ndarray


@dataclass(frozen=True)
class ForecastResult:
    """What a forecasting probe found.

    Attributes:
      mse: mean squared error on test, over windows, steps and channels.
      mae: mean absolute error on test.
      validation_mse: of the chosen penalty.
      penalty: the chosen one.
      path: "penalty" and "validation_mse" of each.
    """

    mse: float
    mae: float
    validation_mse: float
    penalty: float
    path: tuple[dict[str, float], ...]


def forecast_probe(
    train: Windows,
    validation: Windows,
    test: Windows,
    *,
    penalties: Sequence[float] = PENALTIES,
    select_on: str = "validation",
) -> ForecastResult:
    """Ridge regression of the future on features, the same map for every channel.

    Past and future of a window are measured from the mean of its past, channel by channel, in units
    of its standard deviation (reversible instance normalisation: Kim et al., 2022), and errors are
    taken after that is undone, on the scale of the data.

    Args:
      train: what the map is fitted on.
      validation: where the penalty is chosen.
      test: what is reported.
      penalties: to choose from.
      select_on: "validation"; anything else is an error.

    Returns:
      The errors on test.
    """
    check_selection(select_on)
    x, y = _rows(train)
    mean, spread = moments(x)
    spread = np.maximum(spread, 1e-6)
    path = RidgePath.fit((x - mean) / spread, y)
    tried = []
    for penalty in penalties:
        weights = _unscaled(*path.solve(penalty), mean, spread)
        tried.append((_errors(validation, weights)[0], penalty, weights))
    best = min(tried, key=lambda found: found[0])
    mse, mae = _errors(test, best[2])
    return ForecastResult(
        mse=mse,
        mae=mae,
        validation_mse=best[0],
        penalty=best[1],
        path=tuple({"penalty": p, "validation_mse": error} for error, p, _ in tried),
    )


def _unscaled(
    weights: np.ndarray, offset: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same map for features that are not standardised."""
    weights = weights / spread[:, None]
    return weights.astype(np.float32), (offset - mean @ weights).astype(np.float32)


def _scale(past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each window's channels, [N, C, 1]."""
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
