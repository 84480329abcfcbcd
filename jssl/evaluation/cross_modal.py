"""Two modalities in a shared space: cross-modal retrieval and zero-shot classification."""

from __future__ import annotations

from collections.abc import Sequence

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import finite
from jssl.evaluation.labelfree import unit


def cross_retrieval(
    a: np.ndarray, b: np.ndarray, owner: np.ndarray, *, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Recall@k of retrieval between a and b in both directions, by cosine similarity.

    Args:
      a: [N, D], such as images.
      b: [M, D], such as their captions.
      owner: int [M], the index in a of the item that each b belongs to.
      ks: cut-offs of recall@k, the fraction of queries with a correct item among the k nearest.

    Returns:
      "a to b @k" and "b to a @k" for each k. Ties are resolved pessimistically: an incorrect item
      is ranked before a correct one of equal similarity.

    Raises:
      UserError: invalid arrays, an a without a b, or a k outside 1 ... the number of candidates.

    Source: Karpathy & Fei-Fei, "Deep Visual-Semantic Alignments for Generating Image Descriptions",
    2015, section 4.1.
    """
    finite(a, "the first embeddings")
    finite(b, "the second embeddings")
    owner = np.asarray(owner)
    chex.assert_rank(owner, 1)
    if owner.shape != (len(b),) or set(owner.tolist()) != set(range(len(a))):
        raise UserError(
            f"retrieval between {len(a)} and {len(b)} embeddings needs the owner of each of the "
            "second, and at least one for each of the first"
        )
    if min(ks) < 1 or max(ks) > len(a):
        raise UserError(f"recall@k with k in {list(ks)} needs a k in 1 ... {len(a)}")
    similarity = unit(a) @ unit(b).T
    right = owner[None] == np.arange(len(a))[:, None]
    found = {}
    for name, scores, hits in (
        ("a to b", similarity, right),
        ("b to a", similarity.T, right.T),
    ):
        best = np.where(hits, scores, -np.inf).max(axis=1, keepdims=True)
        ahead = np.sum(~hits & (scores >= best), axis=1)
        found |= {f"{name} @{k}": float(np.mean(ahead < k)) for k in ks}
    return found


def zero_shot(a: np.ndarray, prompts: np.ndarray, labels: np.ndarray) -> float:
    """Zero-shot accuracy: predicts the class whose mean prompt embedding has the largest cosine.

    Args:
      a: [N, D], such as images.
      prompts: [K, T, D], T prompts per class; their l2-normalised embeddings are averaged.
      labels: int [N].

    Returns:
      Accuracy in [0, 1].

    Raises:
      UserError: a value that is not finite.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
    2021, section 3.1.4.
    """
    finite(a, "the embeddings")
    chex.assert_rank([prompts, labels], [3, 1])
    chex.assert_axis_dimension(prompts, 2, np.shape(a)[1])
    chex.assert_axis_dimension(labels, 0, len(a))
    classes = unit(unit(prompts.reshape(-1, prompts.shape[-1])).reshape(prompts.shape).mean(axis=1))
    return float(np.mean((unit(a) @ classes.T).argmax(axis=1) == labels))
