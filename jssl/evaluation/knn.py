"""Weighted k-nearest-neighbour classification: no parameter is trained."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jssl.errors import UserError
from jssl.evaluation.arrays import class_indices, labelled


def neighbours(
    bank: np.ndarray,
    queries: np.ndarray,
    k: int,
    *,
    query_block: int = 512,
    bank_block: int = 8192,
) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar bank entries of every query, by cosine.

    Only one block of similarities, [query_block, bank_block], exists at a time: the running k best
    are merged with the k best of the next block of the bank.

    Args:
      bank: float [N, D].
      queries: float [Q, D].
      k: how many neighbours.
      query_block: queries per block.
      bank_block: bank entries per block.

    Returns:
      Cosine similarities float32 [Q, k] in descending order, and bank positions int32 [Q, k].

    Raises:
      UserError: k is smaller than one or larger than the bank.
    """
    if not 1 <= k <= len(bank):
        raise UserError(
            f"k = {k} neighbours cannot be drawn from a bank of {len(bank)} examples: choose k "
            f"between 1 and {len(bank)}"
        )
    query_block = min(query_block, len(queries))
    bank_block = max(min(bank_block, len(bank)), k)
    similarity, position = _search(
        _padded(queries, query_block),
        _padded(bank, bank_block),
        jnp.int32(len(bank)),
        k=k,
        query_block=query_block,
        bank_block=bank_block,
    )
    return np.asarray(similarity)[: len(queries)], np.asarray(position)[: len(queries)]


def knn_predict(
    bank: np.ndarray,
    bank_labels: np.ndarray,
    queries: np.ndarray,
    *,
    ks: Sequence[int] = (20,),
    temperature: float = 0.07,
) -> dict[int, np.ndarray]:
    """Labels by the vote of the k nearest bank entries, weighted by exp(similarity / temperature).

    Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
    section 3.4 (there k = 200 on ImageNet; 20 is usual for small banks).

    Args:
      bank: float [N, D], the labelled examples.
      bank_labels: int [N].
      queries: float [Q, D].
      ks: neighbour counts; one search serves all of them.
      temperature: of the weights; smaller means that nearer neighbours count for more.

    Returns:
      For each k, the predicted labels int64 [Q]; a tie goes to the smallest label.

    Raises:
      UserError: k larger than the bank, one class only, a value that is not finite, or feature
        dimensions that differ.
    """
    bank, bank_labels = labelled(bank, bank_labels, "the kNN bank")
    queries, _ = labelled(queries, np.zeros(len(queries), np.int64), "the kNN query set")
    if bank.shape[1] != queries.shape[1]:
        raise UserError(
            f"the kNN bank has features of dimension {bank.shape[1]} and the queries of dimension "
            f"{queries.shape[1]}: both must come from the same encoder"
        )
    if not ks:
        raise UserError("kNN needs at least one k, such as 20")
    if temperature <= 0:
        raise UserError(f"the kNN temperature must be positive, not {temperature}")
    classes, index = class_indices(bank_labels)
    similarity, position = neighbours(bank, queries, max(ks))
    # Only ratios of weights matter: subtracting the best similarity keeps exp in range at any
    # temperature.
    weights = np.exp((similarity - similarity[:, :1]) / temperature)
    voters = index[position]
    rows = np.arange(len(queries))
    votes = np.zeros((len(queries), len(classes)))
    predictions: dict[int, np.ndarray] = {}
    for column in range(max(ks)):
        votes[rows, voters[:, column]] += weights[:, column]
        if column + 1 in ks:
            predictions[column + 1] = classes[votes.argmax(axis=1)]
    return {k: predictions[k] for k in ks}


def knn_accuracy(
    bank: np.ndarray,
    bank_labels: np.ndarray,
    queries: np.ndarray,
    query_labels: np.ndarray,
    *,
    ks: Sequence[int] = (20,),
    temperature: float = 0.07,
) -> dict[int, float]:
    """Top-1 accuracy in [0, 1] of `knn_predict` for each k; its arguments and its errors.

    Raises:
      UserError: as `knn_predict`, or a query label that the bank lacks.
    """
    _, query_labels = labelled(queries, query_labels, "the kNN query set")
    class_indices(np.asarray(bank_labels), query_labels)
    predictions = knn_predict(bank, bank_labels, queries, ks=ks, temperature=temperature)
    return {k: float((p == query_labels).mean()) for k, p in predictions.items()}


@functools.partial(jax.jit, static_argnames=("k", "query_block", "bank_block"))
def _search(
    queries: jax.Array,
    bank: jax.Array,
    valid: jax.Array,
    *,
    k: int,
    query_block: int,
    bank_block: int,
) -> tuple[jax.Array, jax.Array]:
    queries, bank = _unit(queries), _unit(bank)
    blocks = bank.reshape(-1, bank_block, bank.shape[1])
    starts = jnp.arange(len(blocks), dtype=jnp.int32) * bank_block

    def one_query_block(q: jax.Array) -> tuple[jax.Array, jax.Array]:
        def merge(best: tuple, block: tuple) -> tuple[tuple, None]:
            entries, start = block
            # HIGHEST: an accelerator's default would round the similarities to about 3 digits.
            similarity = jnp.matmul(q, entries.T, precision=lax.Precision.HIGHEST)
            real = start + jnp.arange(bank_block, dtype=jnp.int32) < valid
            similarity = jnp.where(real, similarity, -jnp.inf)
            values, columns = lax.top_k(similarity, k)
            values = jnp.concatenate([best[0], values], axis=1)
            positions = jnp.concatenate([best[1], start + columns], axis=1)
            values, order = lax.top_k(values, k)
            return (values, jnp.take_along_axis(positions, order, axis=1)), None

        start = jnp.full((query_block, k), -jnp.inf), jnp.zeros((query_block, k), jnp.int32)
        return lax.scan(merge, start, (blocks, starts))[0]

    similarity, position = lax.map(
        one_query_block, queries.reshape(-1, query_block, queries.shape[1])
    )
    return similarity.reshape(-1, k), position.reshape(-1, k)


def _unit(x: jax.Array) -> jax.Array:
    x = x.astype(jnp.float32)
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _padded(x: np.ndarray, block: int) -> np.ndarray:
    x = np.asarray(x, dtype=np.float32)
    return np.pad(x, ((0, -len(x) % block), (0, 0)))
