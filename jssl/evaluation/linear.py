"""Linear probe: logistic regression trained to convergence, with C selected on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jssl.errors import UserError, nearest
from jssl.evaluation.arrays import Labelled, class_indices, labelled
from jssl.evaluation.detection import auroc
from jssl.evaluation.logistic import Fit, LogisticPath, Scaler, fit_path
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, search

REFITS = ("train", "train+validation")


@dataclass(frozen=True)
class LinearResult:
    """Result of a linear probe.

    Attributes:
      top1: accuracy on test, in [0, 1].
      validation_top1: accuracy on validation with the selected C, fitted on train.
      strength: the selected C.
      converged: whether the tested fit converged.
      at_edge: whether the search ended at its bound; a better C may lie beyond.
      path: strength, validation_top1, converged and iterations for every C tried, in the order of
        the attempts.
      auc: area under the ROC curve on test, in [0, 1]; None unless there are two classes.
    """

    top1: float
    validation_top1: float
    strength: float
    converged: bool
    at_edge: bool
    path: tuple[dict[str, float | int | bool], ...]
    auc: float | None = None


def check_selection(select_on: str) -> None:
    """Rejects hyper-parameter selection on any split other than validation.

    Raises:
      UserError: select_on is not "validation".
    """
    if select_on == "test":
        raise UserError(
            'select_on="test" would choose on the very examples that measure the result: '
            'use select_on="validation"'
        )
    if select_on != "validation":
        raise UserError(f"unknown select_on {select_on!r}: {nearest(select_on, ['validation'])}")


def linear_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    strengths: Sequence[float] = STRENGTHS,
    bounds: tuple[float, float] = BOUNDS,
    refit: str = "train",
    select_on: str = "validation",
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> LinearResult:
    """L2-regularised multinomial logistic regression on standardised features.

    Features are standardised with the training statistics. All candidates are tried, from strong to
    weak regularisation, and values beyond the grid while the best one is at its end (see
    `strengths.search`). The search does not stop at the first worse values: validation accuracy is
    not unimodal in C, above all that of pooled tokens of a transformer. Ties go to the stronger
    regularisation.

    Args:
      train: features float [N, D] and labels int [N].
      validation: the same; used to select C.
      test: the same; used once, with the selected fit.
      strengths: candidate values of scikit-learn's C; a single one is used as it is.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
      refit: "train" tests the selected fit, so that all evaluators are trained on the same labels;
        "train+validation" refits with the selected C on both splits.
      select_on: "validation"; any other value is an error.
      max_iterations: largest number of L-BFGS iterations per C.
      tolerance: largest gradient entry of the mean loss at convergence.

    Returns:
      The result, with the values of C that were tried.

    Raises:
      UserError: select_on or refit has another value, no strength is given, or the arrays are
        invalid (see `arrays.labelled` and `arrays.class_indices`).
    """
    check_selection(select_on)
    if refit not in REFITS:
        raise UserError(f"unknown refit rule {refit!r}: {nearest(refit, REFITS)}")
    splits = [
        labelled(*split, f"the {name} split")
        for name, split in (("train", train), ("validation", validation), ("test", test))
    ]
    _, *targets = class_indices(*(split.labels for split in splits))
    scaler = Scaler.fit(splits[0].features)
    (x, y), held_out, unseen = (
        Labelled(scaler(split.features), target)
        for split, target in zip(splits, targets, strict=True)
    )
    limits = {"max_iterations": max_iterations, "tolerance": tolerance}
    solver = LogisticPath(x, y, **limits)
    fits: dict[float, Fit] = {}

    def score(strength: float) -> float:
        fits[strength] = solver.fit(strength)
        return fits[strength].accuracy(*held_out)

    choice = search(score, strengths, bounds)
    best = fits[choice.value]
    if refit == "train+validation":
        both = np.concatenate([x, held_out.features]), np.concatenate([y, held_out.labels])
        (best,) = fit_path(*both, [choice.value], **limits)
    return LinearResult(
        top1=best.accuracy(*unseen),
        validation_top1=choice.score,
        strength=choice.value,
        converged=best.converged,
        at_edge=choice.at_edge,
        path=tuple(
            {
                "strength": strength,
                "validation_top1": accuracy,
                "converged": fits[strength].converged,
                "iterations": fits[strength].iterations,
            }
            for strength, accuracy in choice.scores.items()
        ),
        auc=_auc(best, unseen),
    )


def _auc(fit: Fit, test: Labelled) -> float | None:
    if len(fit.bias) != 2 or len(np.unique(test.labels)) != 2:
        return None
    scores = fit.scores(test.features)
    margin = scores[:, 1] - scores[:, 0]
    return auroc(margin[test.labels == 0], margin[test.labels == 1])
