"""Retrieval and copy detection by cosine similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import finite, labelled
from jssl.evaluation.labelfree import unit


def retrieval(
    features: np.ndarray, labels: np.ndarray, *, ks: Sequence[int] = (1, 5, 10), block: int = 256
) -> dict[str, float]:
    """Class retrieval: each example is a query for the others of its class, by cosine similarity.

    Args:
      features: [N, D].
      labels: int [N].
      ks: cut-offs of recall@k, the fraction of queries with an example of their class among the k
        nearest.
      block: queries processed at a time; memory is block x N.

    Returns:
      "recall@k" for each k, and "map", the mean average precision over the whole ranking. Queries
      that are the only example of their class are excluded.

    Raises:
      UserError: invalid arrays, no class with two examples, or a k outside 1..N-1.
    """
    features, labels = labelled(features, labels, "the retrieval split")
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    asked = counts[numbers] > 1
    if not asked.any():
        raise UserError(
            f"none of the {len(counts)} classes has two examples, so there is nothing to retrieve"
        )
    if min(ks) < 1 or max(ks) >= len(labels):
        raise UserError(
            f"recall@k with k in {list(ks)} needs more than {max(ks)} examples and a k of at least "
            f"1; there are {len(labels)} examples"
        )
    total = dict.fromkeys(ks, 0)
    precision = 0.0
    for rows, right in _sorted_hits(unit(features), numbers, block):
        right = right[asked[rows]]
        for k in ks:
            total[k] += int(right[:, :k].any(axis=1).sum())
        found = np.cumsum(right, axis=1)
        at = found / np.arange(1, right.shape[1] + 1)
        precision += float((np.where(right, at, 0.0).sum(axis=1) / found[:, -1]).sum())
    queries = int(asked.sum())
    return {f"recall@{k}": total[k] / queries for k in ks} | {"map": precision / queries}


def _sorted_hits(
    z: np.ndarray, numbers: np.ndarray, block: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields query rows and whether each other example, nearest first, has the query's class."""
    for start in range(0, len(z), block):
        rows = np.arange(start, min(start + block, len(z)))
        similarity = z[rows] @ z.T
        similarity[np.arange(len(rows)), rows] = -np.inf  # rank the query itself last
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
        yield rows, numbers[order] == numbers[rows, None]


def copy_detection(
    originals: np.ndarray, copies: np.ndarray, distractors: np.ndarray | None = None
) -> dict[str, float]:
    """Copy detection: ranks originals and distractors for every distorted copy.

    Args:
      originals: [N, D].
      copies: [N, D]; row i is a copy of original i.
      distractors: [M, D], images without a copy, or None.

    Returns:
      "recall@1", and "micro_ap", the average precision of all (copy, reference) pairs in a single
      ranking by cosine, as in the DISC21 challenge (Douze et al. 2021, "The 2021 Image Similarity
      Dataset and Challenge"). References that tie with the true one are ranked before it.

    Raises:
      UserError: originals and copies differ in shape, or a value is not finite.
    """
    if np.shape(originals) != np.shape(copies):
        raise UserError(
            f"each original needs one copy, but they have the shapes {list(np.shape(originals))} "
            f"and {list(np.shape(copies))}"
        )
    references = unit(originals)
    if distractors is not None and len(distractors):
        finite(distractors, "the distractors")
        references = np.concatenate([references, unit(distractors)])
    similarity = unit(copies) @ references.T
    count = len(similarity)
    true = similarity[np.arange(count), np.arange(count)].copy()
    others = similarity.copy()
    others[np.arange(count), np.arange(count)] = -np.inf
    false = np.sort(others.ravel())
    positives = np.sort(true)[::-1]
    # With positives in descending order, the i-th is preceded by i - 1 positives and by every
    # negative pair that is at least as similar.
    ahead = len(false) - np.searchsorted(false, positives, side="left")
    precision = np.arange(1, count + 1) / (np.arange(1, count + 1) + ahead)
    best = others.max(axis=1) if others.shape[1] > 1 else np.full(count, -np.inf)
    return {"recall@1": float((true > best).mean()), "micro_ap": float(precision.mean())}
