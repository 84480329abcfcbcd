"""Weighted k-nearest-neighbour classification."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding

from jssl.errors import UserError
from jssl.evaluation.arrays import class_indices, labelled
from jssl.training.sharding import batch_sharding, put, replicated


def neighbours(
    bank: np.ndarray,
    queries: np.ndarray,
    k: int,
    *,
    query_block: int = 512,
    bank_block: int = 8192,
    mesh: Mesh | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest bank entries of every query by cosine similarity.

    A device holds one block of similarities at a time, [query_block, bank_block]: the running top k
    are merged with the top k of the next block of the bank. On a mesh each device searches its
    shard of the bank, and the top k of all shards are merged.

    Args:
      bank: float [N, D].
      queries: float [Q, D].
      k: number of neighbours.
      query_block: queries per block.
      bank_block: bank entries per block.
      mesh: mesh over which the bank is sharded; None for one device.

    Returns:
      Cosine similarities float32 [Q, k] in descending order, and bank positions int32 [Q, k].

    Raises:
      UserError: k is less than one or greater than the size of the bank.
    """
    chex.assert_rank([bank, queries], 2)
    chex.assert_axis_dimension(queries, 1, bank.shape[1])
    if not 1 <= k <= len(bank):
        raise UserError(
            f"k = {k} neighbours cannot be drawn from a bank of {len(bank)} examples: choose k "
            f"between 1 and {len(bank)}"
        )
    shards = 1 if mesh is None else mesh.size
    share = -(-len(bank) // shards)
    query_block = min(query_block, len(queries))
    bank_block = max(min(bank_block, share), k)
    share = -(-share // bank_block) * bank_block
    shared = _padded(bank, shards * share).reshape(shards, share, -1)
    if mesh is not None:
        shared = put(shared, batch_sharding(mesh))
    similarity, position = _search(
        _padded(queries, query_block),
        shared,
        jnp.int32(len(bank)),
        k=k,
        query_block=query_block,
        bank_block=bank_block,
        everywhere=None if mesh is None else replicated(mesh),
    )
    return np.asarray(similarity)[: len(queries)], np.asarray(position)[: len(queries)]


def knn_predict(
    bank: np.ndarray,
    bank_labels: np.ndarray,
    queries: np.ndarray,
    *,
    ks: Sequence[int] = (20,),
    temperature: float = 0.07,
    mesh: Mesh | None = None,
) -> dict[int, np.ndarray]:
    """Predicts labels by a vote of the k nearest neighbours, weighted by exp(cosine / temperature).

    Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
    section 3.4 (k = 200 on ImageNet; k = 20 is common for small banks).

    Args:
      bank: float [N, D], the labelled examples.
      bank_labels: int [N].
      queries: float [Q, D].
      ks: numbers of neighbours; one search serves all of them.
      temperature: temperature of the weights; smaller values favour nearer neighbours.
      mesh: mesh over which the bank is sharded; None for one device.

    Returns:
      For each k, the predicted labels int64 [Q]; ties go to the smallest label.

    Raises:
      UserError: k greater than the size of the bank, a single class, a value that is not finite, or
        different feature dimensions.
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
    similarity, position = neighbours(bank, queries, max(ks), mesh=mesh)
    # Only ratios of weights matter: subtracting the largest similarity avoids overflow of exp at
    # any temperature.
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
    mesh: Mesh | None = None,
) -> dict[int, float]:
    """Top-1 accuracy in [0, 1] of `knn_predict` for each k; takes the same arguments.

    Raises:
      UserError: as `knn_predict`, or a query label that does not occur in the bank.
    """
    _, query_labels = labelled(queries, query_labels, "the kNN query set")
    class_indices(np.asarray(bank_labels), query_labels)
    predictions = knn_predict(bank, bank_labels, queries, ks=ks, temperature=temperature, mesh=mesh)
    return {k: float((p == query_labels).mean()) for k, p in predictions.items()}


@functools.partial(jax.jit, static_argnames=("k", "query_block", "bank_block", "everywhere"))
def _search(
    queries: jax.Array,
    bank: jax.Array,
    valid: jax.Array,
    *,
    k: int,
    query_block: int,
    bank_block: int,
    everywhere: NamedSharding | None,
) -> tuple[jax.Array, jax.Array]:
    """Maps queries [Q, D] and bank [shards, share, D] to similarities and positions [Q, k]."""
    queries = _unit(queries).reshape(-1, query_block, queries.shape[1])
    bank = _unit(bank)
    shards, share, width = bank.shape
    blocks = bank.reshape(shards, -1, bank_block, width)
    starts = jnp.arange(shards * share, step=bank_block, dtype=jnp.int32).reshape(shards, -1)

    def one_query_block(q: jax.Array) -> tuple[jax.Array, jax.Array]:
        def one_shard(blocks: jax.Array, starts: jax.Array) -> tuple[jax.Array, jax.Array]:
            def merge(best: tuple, block: tuple) -> tuple[tuple, None]:
                entries, start = block
                # HIGHEST: the default precision of accelerators keeps only about 3 digits.
                similarity = jnp.matmul(q, entries.T, precision=lax.Precision.HIGHEST)
                real = start + jnp.arange(bank_block, dtype=jnp.int32) < valid
                similarity = jnp.where(real, similarity, -jnp.inf)
                values, columns = lax.top_k(similarity, k)
                return _best(best, (values, start + columns), k), None

            start = jnp.full((query_block, k), -jnp.inf), jnp.zeros((query_block, k), jnp.int32)
            return lax.scan(merge, start, (blocks, starts))[0]

        # One entry per shard: XLA runs each on the device that holds it.
        values, positions = jax.vmap(one_shard)(blocks, starts)
        if everywhere is not None:
            values = lax.with_sharding_constraint(values, everywhere)
            positions = lax.with_sharding_constraint(positions, everywhere)
        best = values[0], positions[0]
        for shard in range(1, shards):
            best = _best(best, (values[shard], positions[shard]), k)
        return best

    similarity, position = lax.map(one_query_block, queries)
    return similarity.reshape(-1, k), position.reshape(-1, k)


def _best(a: tuple, b: tuple, k: int) -> tuple[jax.Array, jax.Array]:
    """The top k of two lists of (similarity, position), both [Q, k]; ties go to `a`."""
    values, positions = (jnp.concatenate(pair, axis=1) for pair in zip(a, b, strict=True))
    values, order = lax.top_k(values, k)
    return values, jnp.take_along_axis(positions, order, axis=1)


def _unit(x: jax.Array) -> jax.Array:
    x = x.astype(jnp.float32)
    return x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _padded(x: np.ndarray, block: int) -> np.ndarray:
    x = np.asarray(x, dtype=np.float32)
    return np.pad(x, ((0, -len(x) % block), (0, 0))) if len(x) % block else x
