"""Linear support-vector machine, the standard probe in the point-cloud literature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import class_splits
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Scaler

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True)
class SVMResult:
    """Result of a support-vector machine.

    Attributes:
      top1: accuracy on test, in [0, 1].
      validation_top1: accuracy on validation with the selected C.
      strength: the selected C.
      path: "strength" and "validation_top1" of each candidate.
    """

    top1: float
    validation_top1: float
    strength: float
    path: tuple[dict[str, float], ...]


def svm_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    strengths: Sequence[float] = STRENGTHS,
    select_on: str = "validation",
) -> SVMResult:
    """Linear support-vector machine (hinge loss, one-vs-one) on standardised features.

    Args:
      train: features float [N, D] and labels int [N].
      validation: the same; used to select C.
      test: the same; used once, with the selected C.
      strengths: candidate values of scikit-learn's C; ties go to the smallest.
      select_on: "validation"; any other value is an error.

    Returns:
      The result.

    Raises:
      UserError: select_on has another value, no strength is given, or the arrays are invalid.
    """
    from sklearn.svm import SVC

    check_selection(select_on)
    if len(strengths) == 0 or min(strengths) <= 0:
        raise UserError(f"a support-vector machine needs positive values of C, not {strengths}")
    (x, y), (v, s), (t, r) = class_splits(train, validation, test)
    scaler = Scaler.fit(x)
    x, v, t = (scaler(part) for part in (x, v, t))
    tried = []
    for strength in sorted(strengths):
        model = SVC(C=strength, kernel="linear").fit(x, y)
        tried.append((float(model.score(v, s)), strength, model))
    best = max(tried, key=lambda found: found[0])
    path = tuple({"strength": c, "validation_top1": score} for score, c, _ in tried)
    return SVMResult(float(best[2].score(t, r)), best[0], best[1], path)
