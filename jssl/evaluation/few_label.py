"""The case where self-supervision earns its keep: one, five or ten labels a class."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import class_splits
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Scaler, fit_path

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


@dataclass(frozen=True)
class FewLabelResult:
    """Accuracy of a probe that saw a few labels of each class.

    Attributes:
      per_class: labels a class (their mean, where classes have different numbers).
      mean: mean test accuracy over the draws, in [0, 1].
      interval: half-width of the 95 % interval of that mean over draws (Student's t); it covers
        which examples were labelled, not the training of the encoder.
      draws: test accuracy of each draw.
      strength: C, one value for all draws.
      validation_top1: mean validation accuracy over draws at that C.
      converged: whether every draw's fit at that C converged.
    """

    per_class: float
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
    return _probe_subsets(
        (train, validation, test),
        {count: functools.partial(stratified_subset, per_class=count) for count in per_class},
        draws=draws,
        seed=seed,
        strengths=strengths,
        select_on=select_on,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )


def fraction_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    fractions: Sequence[float] = (0.01, 0.1),
    draws: int = 5,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
    select_on: str = "validation",
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> dict[float, FewLabelResult]:
    """The same with a share of the labels, such as the usual 1 % and 10 %.

    Args:
      train: as for `few_label_probe`, like the rest.
      validation: for the choice of C.
      test: seen once.
      fractions: shares of the training labels, in (0, 1].
      draws: subsets for each share.
      seed: of the subsets.
      strengths: values of C.
      select_on: "validation"; anything else is an error.
      max_iterations: L-BFGS iterations for each fit.
      tolerance: largest gradient entry of the mean loss at convergence.

    Returns:
      A result for each share; its `per_class` is the mean number of labels a class.

    Raises:
      UserError: as `few_label_probe`, or a share outside (0, 1].
    """
    return _probe_subsets(
        (train, validation, test),
        {share: functools.partial(fraction_subset, fraction=share) for share in fractions},
        draws=draws,
        seed=seed,
        strengths=strengths,
        select_on=select_on,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )


def fraction_subset(labels: np.ndarray, fraction: float, *, seed: int, draw: int) -> np.ndarray:
    """Positions of a share of every class, rounded, one example at least.

    Args:
      labels: int [N].
      fraction: in (0, 1].
      seed: of the evaluation.
      draw: which of the subsets.

    Returns:
      Sorted positions int64.

    Raises:
      UserError: a share outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(f"a share of the labels lies in (0, 1], but {fraction} was asked for")
    rng = np.random.default_rng([seed, round(fraction * 1_000_000), draw])
    chosen = []
    for value in np.unique(labels):
        (members,) = np.nonzero(labels == value)
        count = max(1, int(fraction * len(members) + 0.5))
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


def _probe_subsets(
    splits: Sequence,
    subsets: Mapping[Any, Callable[..., np.ndarray]],
    *,
    draws: int,
    seed: int,
    strengths: Sequence[float],
    select_on: str,
    max_iterations: int,
    tolerance: float,
) -> dict[Any, FewLabelResult]:
    check_selection(select_on)
    if draws < 1 or len(strengths) == 0 or min(strengths) <= 0:
        raise UserError(
            f"the few-label probe needs at least one draw and positive values of C, not "
            f"draws = {draws} and C in {list(strengths)}"
        )
    train, validation, test = class_splits(*splits)
    scaler = Scaler.fit(train.features)
    x, held_out, unseen = (scaler(split.features) for split in (train, validation, test))
    y = train.labels
    classes = int(y.max()) + 1

    results: dict[Any, FewLabelResult] = {}
    for name, draw_subset in subsets.items():
        on_validation = np.zeros((draws, len(strengths)))
        fits = []
        for draw in range(draws):
            subset = draw_subset(y, seed=seed, draw=draw)
            path = fit_path(
                x[subset], y[subset], strengths, max_iterations=max_iterations, tolerance=tolerance
            )
            fits.append(list(path))
            on_validation[draw] = [fit.accuracy(held_out, validation.labels) for fit in fits[-1]]
        best = int(on_validation.mean(axis=0).argmax())
        chosen = [path[best] for path in fits]
        accuracies = tuple(fit.accuracy(unseen, test.labels) for fit in chosen)
        mean, interval = mean_interval(accuracies)
        results[name] = FewLabelResult(
            per_class=len(subset) / classes if len(subset) % classes else len(subset) // classes,
            mean=mean,
            interval=interval,
            draws=accuracies,
            strength=chosen[0].strength,
            validation_top1=float(on_validation[:, best].mean()),
            converged=all(fit.converged for fit in chosen),
        )
    return results
