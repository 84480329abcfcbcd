"""Ridge probe: least squares on the labels, solved in closed form for all penalties at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jssl.evaluation.arrays import class_splits
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Scaler
from jssl.evaluation.strengths import PENALTIES, PENALTY_BOUNDS, search


@dataclass(frozen=True)
class RidgeResult:
    """Result of a ridge probe.

    Attributes:
      top1: accuracy on test, in [0, 1].
      validation_top1: accuracy on validation with the selected penalty.
      penalty: the selected penalty, scikit-learn's alpha.
      at_edge: whether the search for it ended at its bound; a better one may lie beyond.
      path: "penalty" and "validation_top1" of each candidate, in the order of the attempts.
    """

    top1: float
    validation_top1: float
    penalty: float
    at_edge: bool
    path: tuple[dict[str, float], ...]


class RidgePath(NamedTuple):
    """The eigendecomposition of a ridge regression, which gives the solution for any penalty.

    Attributes:
      mean: mean of the features, float64 [D].
      target_mean: mean of the targets, float64 [K].
      basis: eigenvectors, float64 [D, R].
      squares: squared singular values, float64 [R].
      moments: projected moments of features and targets, float64 [R, K].
    """

    mean: np.ndarray
    target_mean: np.ndarray
    basis: np.ndarray
    squares: np.ndarray
    moments: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, targets: np.ndarray) -> RidgePath:
        """Decomposes the smaller of the D x D and N x N Gram matrices, for targets [N, K].

        With the centred features X = U S V^T, the weights are V (S^2 + penalty)^-1 V^T X^T Y.
        """
        mean, target_mean = x.mean(axis=0, dtype=np.float64), targets.mean(axis=0)
        centred = x.astype(np.float64) - mean
        wanted = centred.T @ (targets - target_mean)
        if len(x) >= x.shape[1]:
            squares, basis = np.linalg.eigh(centred.T @ centred)
        else:
            squares, left = np.linalg.eigh(centred @ centred.T)
            kept = squares > squares[-1] * len(x) * np.finfo(np.float64).eps
            squares = squares[kept]
            basis = centred.T @ (left[:, kept] / np.sqrt(squares))
        return cls(mean, target_mean, basis, np.maximum(squares, 0.0), basis.T @ wanted)

    def solve(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights [D, K] and offset [K] that minimise |Y - X W - b|^2 + penalty |W|^2."""
        weights = self.basis @ (self.moments / (self.squares + penalty)[:, None])
        return weights, self.target_mean - self.mean @ weights


def ridge_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    penalties: Sequence[float] = PENALTIES,
    bounds: tuple[float, float] = PENALTY_BOUNDS,
    select_on: str = "validation",
) -> RidgeResult:
    """Ridge regression of +-1 targets on standardised features; selects the penalty on validation.

    Equivalent to scikit-learn's RidgeClassifier; one eigendecomposition serves all penalties. Ties
    go to the larger penalty.

    Args:
      train: features float [N, D] and labels int [N].
      validation: the same; used to select the penalty.
      test: the same; used once, with the selected penalty.
      penalties: candidate penalties, positive; see `strengths.search`.
      bounds: smallest and largest penalty that are tried while the best one is at an end.
      select_on: "validation"; any other value is an error.

    Returns:
      The result.

    Raises:
      UserError: select_on has another value, a penalty is not positive, or the arrays are invalid.
    """
    check_selection(select_on)
    splits = class_splits(train, validation, test)
    scaler = Scaler.fit(splits.train.features)
    x, held_out, unseen = (scaler(split.features) for split in splits)
    targets = 2.0 * np.eye(splits.train.labels.max() + 1)[splits.train.labels] - 1.0
    solver = RidgePath.fit(x, targets)

    def predict(penalty: float, features: np.ndarray) -> np.ndarray:
        weights, offset = solver.solve(penalty)
        return (features @ weights + offset).argmax(axis=1)

    def score(penalty: float) -> float:
        return float((predict(penalty, held_out) == splits.validation.labels).mean())

    choice = search(score, penalties, bounds, strong_is_large=True)
    return RidgeResult(
        top1=float((predict(choice.value, unseen) == splits.test.labels).mean()),
        validation_top1=choice.score,
        penalty=choice.value,
        at_edge=choice.at_edge,
        path=tuple(
            {"penalty": penalty, "validation_top1": accuracy}
            for penalty, accuracy in choice.scores.items()
        ),
    )
