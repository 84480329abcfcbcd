"""Linear probes trained on few labels: a fixed number per class, or a fraction of all labels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chex
import numpy as np

from jssl.core.intervals import mean_interval
from jssl.errors import UserError
from jssl.evaluation.arrays import Labelled, class_splits
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import LogisticPath, Scaler
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, Choice, search


@dataclass(frozen=True)
class FewLabelResult:
    """Accuracy of a probe trained on few labels per class.

    Attributes:
      per_class: labels per class (the mean, if classes have different numbers).
      mean: mean test accuracy over the draws, in [0, 1].
      interval: half-width of the 95 % interval of that mean over draws (Student's t); it reflects
        the choice of labelled examples, not the variance of pretraining.
      draws: test accuracy of each draw.
      strength: C, one value for all draws.
      validation_top1: mean validation accuracy over draws at that C.
      converged: whether every draw's fit at that C converged.
      at_edge: whether the search for C ended at its bound; a better C may lie beyond.
    """

    per_class: float
    mean: float
    interval: float
    draws: tuple[float, ...]
    strength: float
    validation_top1: float
    converged: bool
    at_edge: bool = False


def stratified_subset(labels: np.ndarray, per_class: int, *, seed: int, draw: int) -> np.ndarray:
    """Indices of `per_class` random examples of every class.

    The subset depends only on the labels, the seed and the draw, so that every representation is
    probed with the same examples.

    Args:
      labels: int [N].
      per_class: number of examples per class.
      seed: seed of the evaluation.
      draw: index of the subset.

    Returns:
      Sorted indices int64 [classes * per_class].

    Raises:
      UserError: a class has fewer examples than `per_class`.
    """
    chex.assert_rank(labels, 1)
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


def few_label_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    per_class: Sequence[int] = (1, 5, 10),
    draws: int = 10,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
    bounds: tuple[float, float] = BOUNDS,
    select_on: str = "validation",
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> dict[int, FewLabelResult]:
    """Logistic probes on random stratified subsets of the training labels.

    Features are standardised with the statistics of the whole unlabelled training split. All draws
    of one count share one C, the one with the highest mean validation accuracy over the draws.
    This selection uses more validation labels than the probe has training labels; it selects one
    number per count, in the same way for every representation. Ties go to the smaller C.

    Args:
      train: features float [N, D] and labels int [N].
      validation: the same; used to select C.
      test: the same.
      per_class: numbers of labels per class.
      draws: number of subsets per count.
      seed: seed of the subsets.
      strengths: candidate values of scikit-learn's C; see `strengths.search`.
      bounds: smallest and largest C that are tried while the best one is at an end.
      select_on: "validation"; any other value is an error.
      max_iterations: largest number of L-BFGS iterations per fit.
      tolerance: largest gradient entry of the mean loss at convergence.

    Returns:
      One result per count.

    Raises:
      UserError: a class with too few examples, select_on other than "validation", or invalid
        arrays.
    """
    return _probe_subsets(
        (train, validation, test),
        {count: functools.partial(stratified_subset, per_class=count) for count in per_class},
        draws=draws,
        seed=seed,
        strengths=strengths,
        bounds=bounds,
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
    bounds: tuple[float, float] = BOUNDS,
    select_on: str = "validation",
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> dict[float, FewLabelResult]:
    """Logistic probes on a fraction of the labels, such as the common 1 % and 10 %.

    Args:
      train: see `few_label_probe`, also for the other arguments.
      validation: used to select C.
      test: used once, with the selected C.
      fractions: fractions of the training labels, in (0, 1].
      draws: number of subsets per fraction.
      seed: seed of the subsets.
      strengths: candidate values of C; see `strengths.search`.
      bounds: smallest and largest C that are tried while the best one is at an end.
      select_on: "validation"; any other value is an error.
      max_iterations: largest number of L-BFGS iterations per fit.
      tolerance: largest gradient entry of the mean loss at convergence.

    Returns:
      One result per fraction; its `per_class` is the mean number of labels per class.

    Raises:
      UserError: as `few_label_probe`, or a fraction outside (0, 1].
    """
    return _probe_subsets(
        (train, validation, test),
        {share: functools.partial(fraction_subset, fraction=share) for share in fractions},
        draws=draws,
        seed=seed,
        strengths=strengths,
        bounds=bounds,
        select_on=select_on,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )


def fraction_subset(labels: np.ndarray, fraction: float, *, seed: int, draw: int) -> np.ndarray:
    """Indices of a random fraction of every class, rounded, with at least one example per class.

    Args:
      labels: int [N].
      fraction: in (0, 1].
      seed: seed of the evaluation.
      draw: index of the subset.

    Returns:
      Sorted indices int64.

    Raises:
      UserError: a fraction outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(f"a share of the labels lies in (0, 1], but {fraction} was asked for")
    chex.assert_rank(labels, 1)
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
    bounds: tuple[float, float],
    select_on: str,
    max_iterations: int,
    tolerance: float,
) -> dict[Any, FewLabelResult]:
    check_selection(select_on)
    if draws < 1:
        raise UserError(f"the few-label probe needs at least one draw, not draws = {draws}")
    train, validation, test = class_splits(*splits)
    scaler = Scaler.fit(train.features)
    x, held_out, unseen = (scaler(split.features) for split in (train, validation, test))
    y = train.labels
    classes = int(y.max()) + 1

    results: dict[Any, FewLabelResult] = {}
    for name, draw_subset in subsets.items():
        drawn = [draw_subset(y, seed=seed, draw=draw) for draw in range(draws)]
        paths = [
            LogisticPath(x[subset], y[subset], max_iterations=max_iterations, tolerance=tolerance)
            for subset in drawn
        ]
        choice = _select(paths, Labelled(held_out, validation.labels), strengths, bounds)
        chosen, count = [path.fit(choice.value) for path in paths], len(drawn[0])
        accuracies = tuple(fit.accuracy(unseen, test.labels) for fit in chosen)
        mean, interval = mean_interval(accuracies)
        results[name] = FewLabelResult(
            per_class=count / classes if count % classes else count // classes,
            mean=mean,
            interval=interval,
            draws=accuracies,
            strength=choice.value,
            validation_top1=choice.score,
            converged=all(fit.converged for fit in chosen),
            at_edge=choice.at_edge,
        )
    return results


def _select(
    paths: Sequence[LogisticPath],
    validation: Labelled,
    strengths: Sequence[float],
    bounds: tuple[float, float],
) -> Choice:
    """The C with the highest mean validation accuracy over the draws."""

    def score(strength: float) -> float:
        return float(np.mean([path.fit(strength).accuracy(*validation) for path in paths]))

    return search(score, strengths, bounds)
