"""Regression probe: ridge regression on frozen features, scored by rank correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.correlation import Correlation, spearman
from jssl.evaluation.linear import check_selection
from jssl.evaluation.ridge import RidgePath
from jssl.evaluation.strengths import PENALTIES, PENALTY_BOUNDS, search

Part = tuple[np.ndarray, np.ndarray]


class RegressionResult(NamedTuple):
    """Result of a regression probe.

    Attributes:
      test: Spearman's correlation of predictions and targets on test, with its interval.
      mse: mean squared error on test.
      validation: Spearman's correlation on validation with the selected penalty.
      penalty: the selected penalty.
      at_edge: whether the search for it ended at its bound; a better one may lie beyond.
      predicted: predictions for test, float64 [N].
    """

    test: Correlation
    mse: float
    validation: float
    penalty: float
    at_edge: bool
    predicted: np.ndarray


def regression_probe(
    train: Part,
    validation: Part,
    test: Part,
    *,
    penalties: Sequence[float] = PENALTIES,
    bounds: tuple[float, float] = PENALTY_BOUNDS,
    select_on: str = "validation",
) -> RegressionResult:
    """Ridge regression on standardised features; the penalty is selected by rank correlation.

    Ties go to the larger penalty. If all predictions of a split are equal, its correlation counts
    as 0.

    Args:
      train: features [N, D] and targets [N].
      validation: the same; used to select the penalty.
      test: the same; reported.
      penalties: candidate penalties, positive; see `strengths.search`.
      bounds: smallest and largest penalty that are tried while the best one is at an end.
      select_on: "validation"; any other value is an error.

    Returns:
      The result.

    Raises:
      UserError: features and targets differ in length, or a value is not finite.
    """
    check_selection(select_on)
    parts = [
        (np.asarray(x, np.float64), np.asarray(y, np.float64)) for x, y in (train, validation, test)
    ]
    for x, y in parts:
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise UserError(
                f"a regression probe takes features [N, D] and numbers [N], not {list(x.shape)} "
                f"and {list(y.shape)}"
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise UserError("a regression probe needs finite features and numbers")
    mean, spread = parts[0][0].mean(axis=0), parts[0][0].std(axis=0)
    spread = np.where(spread > 1e-6 * max(float(spread.max()), 1e-12), spread, np.inf)
    scaled = [((x - mean) / spread, y) for x, y in parts]
    path = RidgePath.fit(scaled[0][0], scaled[0][1][:, None])

    def predict(penalty: float, x: np.ndarray) -> np.ndarray:
        weights, offset = path.solve(penalty)
        return x @ weights[:, 0] + offset[0]

    def score(penalty: float) -> float:
        return correlation(predict(penalty, scaled[1][0]), scaled[1][1]).rho

    choice = search(score, penalties, bounds, strong_is_large=True)
    predicted = predict(choice.value, scaled[2][0])
    return RegressionResult(
        test=correlation(predicted, scaled[2][1]),
        mse=float(np.mean((predicted - scaled[2][1]) ** 2)),
        validation=choice.score,
        penalty=choice.value,
        at_edge=choice.at_edge,
        predicted=predicted,
    )


def correlation(predicted: np.ndarray, true: np.ndarray) -> Correlation:
    """Spearman's correlation, or 0 if all predictions are equal."""
    chex.assert_rank([predicted, true], 1)
    if np.ptp(predicted) == 0:
        return Correlation(0.0, -1.0, 1.0, len(true))
    return spearman(predicted, true)
