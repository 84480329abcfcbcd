"""Linear support-vector machine, the standard probe in the point-cloud literature."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jssl.evaluation.arrays import class_splits
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Scaler
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, search

if TYPE_CHECKING:
    from sklearn.svm import SVC

MAX_ITERATIONS = 100_000  # of libsvm for a pair of classes; without it a large C may never end


@dataclass(frozen=True)
class SVMResult:
    """Result of a support-vector machine.

    Attributes:
      top1: accuracy on test, in [0, 1].
      validation_top1: accuracy on validation with the selected C.
      strength: the selected C.
      path: "strength", "validation_top1" and "converged" of each candidate, in the order of the
        attempts.
      converged: whether the tested machine converged.
      at_edge: whether the search for C ended at its bound; a better C may lie beyond.
    """

    top1: float
    validation_top1: float
    strength: float
    path: tuple[dict[str, float | bool], ...]
    converged: bool
    at_edge: bool


def svm_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    strengths: Sequence[float] = STRENGTHS,
    bounds: tuple[float, float] = BOUNDS,
    select_on: str = "validation",
) -> SVMResult:
    """Linear support-vector machine (hinge loss, one-vs-one) on standardised features.

    Args:
      train: features float [N, D] and labels int [N].
      validation: the same; used to select C.
      test: the same; used once, with the selected C.
      strengths: candidate values of scikit-learn's C; see `strengths.search`.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
      select_on: "validation"; any other value is an error.

    Returns:
      The result.

    Raises:
      UserError: select_on has another value, no strength is given, or the arrays are invalid.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVC

    check_selection(select_on)
    (x, y), (v, s), (t, r) = class_splits(train, validation, test)
    scaler = Scaler.fit(x)
    x, v, t = (scaler(part) for part in (x, v, t))
    models: dict[float, SVC] = {}

    def score(strength: float) -> float:
        model = SVC(C=strength, kernel="linear", max_iter=MAX_ITERATIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the result says it
            models[strength] = model.fit(x, y)
        return float(model.score(v, s))

    choice = search(score, strengths, bounds)
    return SVMResult(
        top1=float(models[choice.value].score(t, r)),
        validation_top1=choice.score,
        strength=choice.value,
        path=tuple(
            {"strength": c, "validation_top1": found, "converged": _converged(models[c])}
            for c, found in choice.scores.items()
        ),
        converged=_converged(models[choice.value]),
        at_edge=choice.at_edge,
    )


def _converged(model: SVC) -> bool:
    return bool(np.max(model.n_iter_) < MAX_ITERATIONS)
