"""Multi-label probe: logistic regression one against the rest, scored by average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import labelled
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Fit, LogisticPath, Scaler
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, search

_RESAMPLED = 200  # draws of the test examples, for the intervals


class Ranking(NamedTuple):
    """How well scores find the labels of a split.

    Attributes:
      precision: average precision of each label, [K].
      f1: F1 of each label where a score above 0 says yes, [K].
    """

    precision: np.ndarray
    f1: np.ndarray


@dataclass(frozen=True)
class MultiLabelResult:
    """Result of a multi-label probe; means are over the labels that are scored.

    Attributes:
      mean_average_precision: on test, in [0, 1].
      macro_f1: on test, at a probability of 1/2.
      precision_interval: half-width of the 95 % interval of the first over test examples.
      f1_interval: of the second.
      validation: mean average precision on validation with the selected C, fitted on train.
      chance: mean share of the test examples that have a label, which is the average precision of
        a random order.
      strength: the selected C, one for all labels.
      converged: whether that fit converged.
      at_edge: whether the search for C ended at its bound; a better one may lie beyond.
      path: strength, validation and converged for every C tried.
      by_label: name of each label -> its average precision and F1 on test.
      left_out: names of the labels that are not scored.
    """

    mean_average_precision: float
    macro_f1: float
    precision_interval: float
    f1_interval: float
    validation: float
    chance: float
    strength: float
    converged: bool
    at_edge: bool
    path: tuple[dict[str, float | bool], ...]
    by_label: dict[str, dict[str, float]]
    left_out: tuple[str, ...]


def average_precision(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Average precision: sum over thresholds of precision times the gain in recall.

    No interpolation; equal scores are one threshold, as in `sklearn.metrics`.

    Args:
      scores: [N].
      positive: booleans [N].
      weights: of the examples, [B, N] for B results at once; None weighs all alike.

    Returns:
      float64 [B], or [1]; NaN where the positives have no weight.
    """
    chex.assert_rank([scores, positive], 1)
    chex.assert_equal_shape([scores, positive])
    order = np.argsort(-scores, kind="stable")
    sorted_scores = scores[order]
    weights = np.ones((1, len(scores))) if weights is None else weights
    chex.assert_shape(weights, (None, len(scores)))
    weights, hits = weights[:, order], positive[order].astype(np.float64)
    last = np.searchsorted(-sorted_scores, -sorted_scores, side="right") - 1  # of equal scores
    found = np.cumsum(weights * hits, axis=1)[:, last]
    retrieved = np.cumsum(weights, axis=1)[:, last]
    precision = found / np.maximum(retrieved, 1e-12)
    with np.errstate(invalid="ignore"):
        return (weights * hits * precision).sum(axis=1) / (weights * hits).sum(axis=1)


def rank(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray | None = None) -> Ranking:
    """Scores of each label: `precision` and `f1` [B, K] of scores [N, K] and booleans [N, K]."""
    chex.assert_rank([scores, positive], 2)
    chex.assert_equal_shape([scores, positive])
    weights = np.ones((1, len(scores))) if weights is None else weights
    chex.assert_shape(weights, (None, len(scores)))
    precision = [
        average_precision(s, p, weights) for s, p in zip(scores.T, positive.T, strict=True)
    ]
    said, true = (scores > 0).astype(np.float64), positive.astype(np.float64)
    both = weights @ (said * true)
    f1 = 2 * both / np.maximum(weights @ said + weights @ true, 1e-12)
    return Ranking(np.stack(precision, axis=1), f1)


def check_scored(
    train: np.ndarray, validation: np.ndarray, test: np.ndarray, *, names: Sequence[str]
) -> np.ndarray:
    """Which labels can be scored: those with examples with and without them in all splits.

    Args:
      train: 0 or 1 for each label, [N, K].
      validation: the same.
      test: the same.
      names: of the K labels.

    Returns:
      Booleans [K], some of them True.

    Raises:
      UserError: there is none.
    """
    chex.assert_rank([train, validation, test], 2)
    chex.assert_equal_shape_suffix([train, validation, test], 1)
    splits = (y.astype(bool) for y in (train, validation, test))
    scored = np.all([y.any(axis=0) & ~y.all(axis=0) for y in splits], axis=0)
    if not scored.any():
        raise UserError(
            f"none of the {len(names)} labels has examples with and without it in train, "
            "validation and test, so there is nothing to score; give more examples, or larger "
            "shares"
        )
    return scored


def multi_label_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    names: Sequence[str],
    strengths: Sequence[float] = STRENGTHS,
    bounds: tuple[float, float] = BOUNDS,
    select_on: str = "validation",
    seed: int = 0,
) -> MultiLabelResult:
    """One binary logistic regression a label, with one C that is chosen on validation.

    A label is scored if it has examples with and without it in all three splits. The fits are those
    of `jssl.evaluation.logistic.LogisticPath` on features standardised by the training split; C is
    that of the highest mean average precision on validation, the smaller one of equals.

    Args:
      train: features float [N, D] and 0 or 1 for each label [N, K].
      validation: the same.
      test: the same; used once, with the selected fit.
      names: of the K labels.
      strengths: candidate values of scikit-learn's C; see `strengths.search`.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
      select_on: "validation"; any other value is an error.
      seed: of the resampling of test examples for the intervals.

    Returns:
      The result.

    Raises:
      UserError: no label is scored, or the arrays are invalid.
    """
    check_selection(select_on)
    splits = [
        (labelled(x, np.zeros(len(x), np.int64), f"the {name} split").features, y.astype(bool))
        for name, (x, y) in (("train", train), ("validation", validation), ("test", test))
    ]
    scored = check_scored(*(y for _, y in splits), names=names)
    (x, y), (held, held_y), (unseen, unseen_y) = ((x, y[:, scored]) for x, y in splits)
    scaler = Scaler.fit(x)
    solver = LogisticPath(scaler(x), y, max_iterations=1000, tolerance=1e-4)
    fits: dict[float, Fit] = {}

    def score(strength: float) -> float:
        fits[strength] = solver.fit(strength)
        return float(rank(fits[strength].scores(scaler(held)), held_y).precision.mean())

    choice = search(score, strengths, bounds)
    best = fits[choice.value]
    scores = best.scores(scaler(unseen))
    found = rank(scores, unseen_y)
    drawn = np.random.default_rng(seed).multinomial(
        len(scores), np.full(len(scores), 1 / len(scores)), _RESAMPLED
    )
    again = rank(scores, unseen_y, drawn.astype(np.float64))
    whole = ~np.isnan(again.precision).all(axis=1)  # draws with an example of some label
    kept = [name for name, own in zip(names, scored, strict=True) if own]
    by_label = {
        name: {"average_precision": float(p), "f1": float(f)}
        for name, p, f in zip(kept, found.precision[0], found.f1[0], strict=True)
    }
    return MultiLabelResult(
        mean_average_precision=float(found.precision.mean()),
        macro_f1=float(found.f1.mean()),
        precision_interval=_half_width(np.nanmean(again.precision[whole], axis=1)),
        f1_interval=_half_width(again.f1.mean(axis=1)),
        validation=choice.score,
        chance=float(unseen_y.mean()),
        strength=choice.value,
        converged=best.converged,
        at_edge=choice.at_edge,
        path=tuple(
            {"strength": c, "validation": precision, "converged": fits[c].converged}
            for c, precision in choice.scores.items()
        ),
        by_label=by_label,
        left_out=tuple(name for name, own in zip(names, scored, strict=True) if not own),
    )


def _half_width(draws: np.ndarray) -> float:
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(high - low) / 2
