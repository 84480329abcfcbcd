"""A number read off frozen features: ridge regression, judged by rank correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jssl.errors import UserError
from jssl.evaluation.correlation import Correlation, spearman
from jssl.evaluation.linear import check_selection
from jssl.evaluation.ridge import PENALTIES, RidgePath

Part = tuple[np.ndarray, np.ndarray]


class RegressionResult(NamedTuple):
    """What a regression probe found.

    Attributes:
      test: Spearman's correlation of predicted and true numbers, with its interval.
      mse: mean squared error on test.
      validation: Spearman's correlation on validation, of the chosen penalty.
      penalty: the chosen one.
      predicted: the numbers predicted for test, float64 [N].
    """

    test: Correlation
    mse: float
    validation: float
    penalty: float
    predicted: np.ndarray


def regression_probe(
    train: Part,
    validation: Part,
    test: Part,
    *,
    penalties: Sequence[float] = PENALTIES,
    select_on: str = "validation",
) -> RegressionResult:
    """Ridge regression on standardised features; the penalty with the best rank correlation.

    A tie goes to the larger penalty. Where all predictions of a part are alike, its correlation
    counts as 0.

    Args:
      train: features [N, D] and numbers [N].
      validation: where the penalty is chosen.
      test: what is reported.
      penalties: positive values to choose from.
      select_on: "validation"; anything else is an error.

    Returns:
      The result.

    Raises:
      UserError: features and numbers differ in length, or a value is not finite.
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
    best = None
    for penalty in sorted(penalties, reverse=True):
        weights, offset = path.solve(penalty)
        found = correlation(scaled[1][0] @ weights[:, 0] + offset[0], scaled[1][1]).rho
        if best is None or found > best[0]:
            best = found, float(penalty), weights[:, 0], offset[0]
    predicted = scaled[2][0] @ best[2] + best[3]
    return RegressionResult(
        test=correlation(predicted, scaled[2][1]),
        mse=float(np.mean((predicted - scaled[2][1]) ** 2)),
        validation=best[0],
        penalty=best[1],
        predicted=predicted,
    )


def correlation(predicted: np.ndarray, true: np.ndarray) -> Correlation:
    """Spearman's correlation, 0 where all predictions are alike."""
    if np.ptp(predicted) == 0:
        return Correlation(0.0, -1.0, 1.0, len(true))
    return spearman(predicted, true)
