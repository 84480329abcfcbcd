"""OOD detection: scores that are high for out-of-distribution inputs; AUROC; subgroup gaps."""

from __future__ import annotations

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import finite, labelled
from jssl.evaluation.correlation import ranks
from jssl.evaluation.knn import neighbours


def auroc(known: np.ndarray, ood: np.ndarray) -> float:
    """AUROC: the probability that an OOD example has the higher score; ties count one half.

    Args:
      known: scores [N] of in-distribution examples.
      ood: scores [M] of out-of-distribution examples.

    Returns:
      In [0, 1]; 0.5 is chance.

    Raises:
      UserError: an argument is empty or holds a value that is not finite.
    """
    known, ood = (np.asarray(part, np.float64) for part in (known, ood))
    chex.assert_rank([known, ood], 1)
    if not len(known) or not len(ood):
        raise UserError(
            f"AUROC needs in-distribution and OOD examples, not {len(known)} and {len(ood)}"
        )
    if not (np.isfinite(known).all() and np.isfinite(ood).all()):
        raise UserError("AUROC needs finite scores")
    found = ranks(np.concatenate([known, ood]))[len(known) :]
    above = found.sum() - len(ood) * (len(ood) + 1) / 2
    return float(above / (len(known) * len(ood)))


def knn_score(bank: np.ndarray, queries: np.ndarray, *, k: int = 50) -> np.ndarray:
    """Distance to the k-th nearest training feature, of l2-normalised features.

    Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors", section 3.

    Args:
      bank: training features [N, D].
      queries: [Q, D].
      k: rank of the neighbour.

    Returns:
      float64 [Q].
    """
    bank, queries = finite(bank, "the bank"), finite(queries, "the query set")
    similarity, _ = neighbours(bank, queries, k)
    return np.sqrt(np.clip(2.0 - 2.0 * similarity[:, -1].astype(np.float64), 0.0, None))


def mahalanobis_score(
    train: np.ndarray, queries: np.ndarray, labels: np.ndarray | None = None, *, ridge: float = 1e-6
) -> np.ndarray:
    """Squared Mahalanobis distance to the nearest class mean, with a shared covariance.

    Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", equations 1 and 2. Without labels a single Gaussian is fitted.

    Args:
      train: [N, D].
      queries: [Q, D].
      labels: int [N], or None.
      ridge: multiple of the mean diagonal entry that is added to the covariance's diagonal.

    Returns:
      float64 [Q].

    Raises:
      UserError: a value that is not finite, or labels of another length.
    """
    groups = np.zeros(len(train), np.int64) if labels is None else labels
    train, groups = labelled(train, groups, "the training features")
    queries = finite(queries, "the query set").astype(np.float64)
    train = train.astype(np.float64)
    values, numbers = np.unique(groups, return_inverse=True)
    means = np.stack([train[numbers == c].mean(axis=0) for c in range(len(values))])
    inner = train - means[numbers]
    covariance = inner.T @ inner / len(train)
    covariance += ridge * max(np.trace(covariance) / len(covariance), 1e-12) * np.eye(len(means[0]))
    root = np.linalg.cholesky(covariance)
    spread, centres = np.linalg.solve(root, queries.T).T, np.linalg.solve(root, means.T).T
    squares = np.sum(spread**2, axis=1)[:, None] + np.sum(centres**2, axis=1)
    return np.clip(squares - 2 * spread @ centres.T, 0.0, None).min(axis=1)


def rotation_score(log_probabilities: np.ndarray) -> np.ndarray:
    """OOD score from a rotation classifier: the negative log-likelihood of the true rotations.

    The negative log-probability of the correct class, summed over the four rotations. Hendrycks et
    al. 2019, "Using Self-Supervised Learning Can Improve Model Robustness and Uncertainty",
    section 4.

    Args:
      log_probabilities: [Q, 4, 4]; entry (i, r, s) is the log-probability of class s for image i
        rotated by r quarter turns.

    Returns:
      float64 [Q].

    Raises:
      UserError: the array has another shape.
    """
    found = np.asarray(log_probabilities, np.float64)
    if found.ndim != 3 or found.shape[1:] != (4, 4):
        raise UserError(f"rotation detection takes [Q, 4, 4], not {list(found.shape)}")
    return -np.trace(found, axis1=1, axis2=2)


def group_gaps(correct: np.ndarray, groups: np.ndarray) -> dict[str, object]:
    """Accuracy of each group, and the gap between the best and the worst.

    Args:
      correct: bool [N], whether each prediction is correct.
      groups: int or str [N].

    Returns:
      "groups": accuracy and size of each; "worst" and "best" accuracy; "gap" between the two.

    Raises:
      UserError: the two differ in length, or are empty.
    """
    correct, groups = np.asarray(correct, bool), np.asarray(groups)
    if correct.shape != groups.shape or correct.ndim != 1 or not len(correct):
        raise UserError(
            f"group gaps need an outcome and a group for each example, not "
            f"{list(correct.shape)} and {list(groups.shape)}"
        )
    parts = {str(g): correct[groups == g] for g in np.unique(groups)}
    means = {name: float(part.mean()) for name, part in parts.items()}
    return {
        "groups": {n: {"top1": means[n], "size": len(part)} for n, part in parts.items()},
        "worst": min(means.values()),
        "best": max(means.values()),
        "gap": max(means.values()) - min(means.values()),
    }
