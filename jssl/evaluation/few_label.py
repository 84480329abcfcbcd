"""The case where self-supervision earns its keep: one, five or ten labels a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import class_indices, labelled
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Scaler, fit_path

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


@dataclass(frozen=True)
class FewLabelResult:
    """Accuracy of a probe that saw a few labels of each class.

    Attributes:
      per_class: labels a class.
      mean: mean test accuracy over the draws, in [0, 1].
      interval: half-width of the 95 % interval of that mean over draws (Student's t); it covers
        which examples were labelled, not the training of the encoder.
      draws: test accuracy of each draw.
      strength: C, one value for all draws.
      validation_top1: mean validation accuracy over draws at that C.
      converged: whether every draw's fit at that C converged.
    """

    per_class: int
    mean: float
    interval: float
    draws: tuple[float, ...]
    strength: float
    validation_top1: float
    converged: bool


def stratified_subset(labels: np.ndarray, per_class: int, *, seed: int, draw: int) -> np.ndarray:
    """Positions of `per_class` random examples of every class.

    The subset depends on the labels, the seed and the draw alone, so that every representation is
    probed with the same examples.

    Args:
      labels: int [N].
      per_class: how many of each class.
      seed: of the evaluation.
      draw: which of the subsets.

    Returns:
      Sorted positions int64 [classes * per_class].

    Raises:
      UserError: a class has fewer examples.
    """
    rng = np.random.default_rng([seed, per_class, draw])
    chosen = []
    for value in np.unique(labels):
        (members,) = np.nonzero(labels == value)
        if len(members) < per_class:
            raise UserError(
                f"class {value} has {len(members)} training examples, too few for {per_class} "
                "labels a class"
            )
        chosen.append(rng.choice(members, per_class, replace=False))
    return np.sort(np.concatenate(chosen))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half-width of its 95 % interval by Student's t.

    Args:
      values: independent measurements, at least one.

    Returns:
      The mean, and the half-width (NaN for a single value).
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float(values.mean()), math.nan
    # scipy.stats has the same quantile, but takes seconds to import.
    from scipy.special import stdtrit

    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(stdtrit(len(values) - 1, 0.975) * error)


def few_label_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    per_class: Sequence[int] = (1, 5, 10),
    draws: int = 10,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
    select_on: str = "validation",
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> dict[int, FewLabelResult]:
    """Logistic probes on seeded, stratified subsets of the training labels.

    Features are standardised with the statistics of the whole unlabelled training split. One C is
    used for all draws of a count: the one with the best mean validation accuracy over the draws.
    That choice reads validation labels, more of them than the probe was given; it is one number
    per count, chosen in the same way for every representation. A tie goes to the smaller C.

    Args:
      train: features float [N, D] and labels int [N].
      validation: the same, for the choice of C.
      test: the same.
      per_class: label counts to try.
      draws: subsets for each count.
      seed: of the subsets.
      strengths: values of scikit-learn's C to choose from.
      select_on: "validation"; anything else is an error.
      max_iterations: L-BFGS iterations for each fit.
      tolerance: largest gradient entry of the mean loss at convergence.

    Returns:
      A result for each count.

    Raises:
      UserError: a class with too few examples, select_on other than "validation", or unfit arrays.
    """
    check_selection(select_on)
    if draws < 1 or len(strengths) == 0 or min(strengths) <= 0:
        raise UserError(
            f"the few-label probe needs at least one draw and positive values of C, not "
            f"draws = {draws} and C in {list(strengths)}"
        )
    splits = [
        labelled(*split, f"the {name} split")
        for name, split in (("train", train), ("validation", validation), ("test", test))
    ]
    _, y, held_out_y, unseen_y = class_indices(*(split.labels for split in splits))
    scaler = Scaler.fit(splits[0].features)
    x, held_out, unseen = (scaler(split.features) for split in splits)

    results: dict[int, FewLabelResult] = {}
    for count in per_class:
        on_validation = np.zeros((draws, len(strengths)))
        fits = []
        for draw in range(draws):
            subset = stratified_subset(y, count, seed=seed, draw=draw)
            path = fit_path(
                x[subset], y[subset], strengths, max_iterations=max_iterations, tolerance=tolerance
            )
            fits.append(list(path))
            on_validation[draw] = [fit.accuracy(held_out, held_out_y) for fit in fits[-1]]
        best = int(on_validation.mean(axis=0).argmax())
        chosen = [path[best] for path in fits]
        accuracies = tuple(fit.accuracy(unseen, unseen_y) for fit in chosen)
        mean, interval = mean_interval(accuracies)
        results[count] = FewLabelResult(
            per_class=count,
            mean=mean,
            interval=interval,
            draws=accuracies,
            strength=chosen[0].strength,
            validation_top1=float(on_validation[:, best].mean()),
            converged=all(fit.converged for fit in chosen),
        )
    return results
