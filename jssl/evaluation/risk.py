"""Risk decomposition of a linear probe, and memorization scores of training examples."""

from __future__ import annotations

from typing import NamedTuple

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import class_splits
from jssl.evaluation.few_label import stratified_subset
from jssl.evaluation.labelfree import unit
from jssl.evaluation.logistic import fit_standardised


class Risk(NamedTuple):
    """The four components of a probe's test error, which add up to `total`.

    Attributes:
      approximation: training error of the supervised network of the same architecture.
      usability: additional training error of a probe on the encoder's features.
      probe_generalisation: additional error on examples that only the encoder was trained on.
      encoder_generalisation: additional error on examples that neither was trained on.
      total: test error.
    """

    approximation: float
    usability: float
    probe_generalisation: float
    encoder_generalisation: float
    total: float


def decompose_risk(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    supervised_error: float,
    strength: float,
    held_out: float = 0.1,
    seed: int = 0,
) -> Risk:
    """Decomposes the error of a logistic probe.

    Dubois et al. 2023, "Evaluating Self-Supervised Learning via Risk Decomposition", section 3,
    with their estimators: usability is based on the probe's error on its own training examples; for
    probe generalisation a part of the training set is held out from the probe but not from the
    encoder.

    Args:
      train: features float [N, D] and labels int [N] of the encoder's training examples.
      test: the same for unseen examples.
      supervised_error: training error of the same encoder trained with labels, in [0, 1].
      strength: C of the logistic regression, selected beforehand on validation.
      held_out: fraction of each class that is held out.
      seed: seed of the held-out subset.

    Returns:
      The components.

    Raises:
      UserError: invalid arrays, an error outside [0, 1], or a class too small to hold out from.
    """
    if not 0 <= supervised_error <= 1:
        raise UserError(f"an error lies in [0, 1], but supervised_error is {supervised_error}")
    if not 0 < held_out < 1:
        raise UserError(f"the share held back must lie between 0 and 1, not {held_out}")
    (x, y), _, unseen = class_splits(train, test, test)
    smallest = int(np.bincount(y).min())
    back = max(1, round(held_out * smallest))
    if back >= smallest:
        raise UserError(
            f"the smallest class has {smallest} training examples, too few to hold {back} back"
        )
    held = stratified_subset(y, back, seed=seed, draw=0)
    rest = np.setdiff1d(np.arange(len(y)), held)

    def error(fitted: np.ndarray, *evaluated: tuple[np.ndarray, np.ndarray]) -> list[float]:
        scaler, fit = fit_standardised(x[fitted], y[fitted], strength)
        return [1 - fit.accuracy(scaler(features), labels) for features, labels in evaluated]

    (seen,) = error(np.arange(len(y)), (x, y))
    back_error, total = error(rest, (x[held], y[held]), tuple(unseen))
    return Risk(
        approximation=supervised_error,
        usability=seen - supervised_error,
        probe_generalisation=back_error - seen,
        encoder_generalisation=total - back_error,
        total=total,
    )


def memorisation(with_example: np.ndarray, without_example: np.ndarray) -> np.ndarray:
    """Memorization score: how much training on an example improves the alignment of its views.

    Wang et al. 2024, "Memorization in Self-Supervised Learning Improves Downstream Generalization",
    definition 2: the alignment distance of an example's views under encoders trained without it,
    minus that under encoders trained with it. Features are l2-normalised, and the scores are
    divided by their largest magnitude, so that they lie in [-1, 1].

    Args:
      with_example: [N, Q, D], features of Q views of N examples; the encoder was trained on them.
      without_example: the same views under an encoder trained on the other examples.

    Returns:
      float64 [N]; 1 is the strongest memorization.

    Raises:
      UserError: the arrays differ in shape, or have fewer than two views.
    """
    if np.shape(with_example) != np.shape(without_example) or np.ndim(with_example) != 3:
        raise UserError(
            "memorisation compares the same views [N, Q, D] under two encoders, not "
            f"{list(np.shape(with_example))} and {list(np.shape(without_example))}"
        )
    scores = alignment_distance(without_example) - alignment_distance(with_example)
    largest = np.abs(scores).max(initial=0.0)
    return scores / largest if largest > 0 else scores


def alignment_distance(views: np.ndarray) -> np.ndarray:
    """Mean distance between two different views of an example on the unit sphere.

    Args:
      views: [N, Q, D] with Q >= 2.

    Returns:
      float64 [N].
    """
    chex.assert_rank(views, 3)
    count, draws, width = np.shape(views)
    if draws < 2:
        raise UserError("alignment needs at least two views of an example")
    z = unit(np.reshape(views, (count * draws, width))).reshape(count, draws, width)
    squares = np.clip(2.0 - 2.0 * np.einsum("nqd,npd->nqp", z, z), 0.0, None)
    for q in range(draws):
        squares[:, q, q] = 0.0
    return np.sqrt(squares).sum(axis=(1, 2)) / (draws * (draws - 1))
