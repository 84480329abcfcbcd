"""Contrastive objectives: one InfoNCE with an explicit relation, and its special cases."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative, Positive, Real, checked
from jssl.objectives.common import l2_normalize, matmul

_WHOLE = 2048  # examples up to which all similarities of two views exist at once (64 MiB)
_SIMILARITIES = 2**22  # that exist at once beyond
_NEVER = -1e30  # stands for "not a candidate"; finite, so that gradients stay finite


@checked
def info_nce(
    queries: jax.Array,
    keys: jax.Array,
    *,
    positives: jax.Array,
    temperature: Positive | jax.Array,
    candidates: jax.Array | None = None,
) -> jax.Array:
    """Cross-entropy of finding each query's positive keys among its candidates.

    `-sum_j w_ij log( exp(s_ij / T) / sum_{k in candidates} exp(s_ik / T) )` with cosine
    similarities s and weights w that sum to one over j.

    Args:
      queries: [Q, D], any float dtype; normalised here.
      keys: [K, D], likewise.
      positives: int [Q], the index of each query's positive key; or [Q, K] non-negative weights
        (a bool mask of several positives, or soft targets), normalised per row here. Positive
        keys are meant to be candidates.
      temperature: positive scalar T.
      candidates: bool [Q, K], which keys stand in the denominator; None for all.

    Returns:
      float32 [Q], the loss of each query, in nats; 0 for a query without a positive key.

    Raises:
      AssertionError: if the shapes do not agree.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding",
    2018, eq. 4; several positives as in Khosla et al., "Supervised Contrastive Learning", 2020,
    eq. 2.
    """
    chex.assert_rank([queries, keys], 2)
    chex.assert_axis_dimension(keys, 1, queries.shape[1])
    chex.assert_rank(positives, {1, 2})
    related = queries.shape[0], keys.shape[0]
    chex.assert_shape(positives, related[: positives.ndim])
    if candidates is not None:
        chex.assert_shape(candidates, related)
    logits = matmul(l2_normalize(queries), l2_normalize(keys).T) / temperature
    allowed = logits if candidates is None else jnp.where(candidates, logits, _NEVER)
    log_normalizer = jax.nn.logsumexp(allowed, axis=1)
    if positives.ndim == 1:
        # A one-hot product instead of a gather: it partitions over the mesh without communication.
        positives = jax.nn.one_hot(positives, keys.shape[0], dtype=jnp.float32)
    weights = positives.astype(jnp.float32)
    total = jnp.sum(weights, axis=1)
    weights = weights / jnp.where(total > 0, total, 1.0)[:, None]
    return jnp.where(total > 0, log_normalizer, 0.0) - jnp.sum(weights * logits, axis=1)


@checked
def nt_xent(
    a: jax.Array, b: jax.Array, *, temperature: Positive | jax.Array, block: Count | None = None
) -> jax.Array:
    """NT-Xent: each of the 2B embeddings finds its other view among the 2B - 1 others.

    Args:
      a: [B, D] embeddings of one view, any float dtype.
      b: [B, D] embeddings of the other view of the same examples.
      temperature: positive scalar.
      block: approximate number of rows of the [2B, 2B] similarities in memory at a time, forward
        and backward; they are then computed twice. None computes all at once up to 2B = 4096 and
        uses blocks of 4 million similarities beyond.

    Returns:
      float32 [B], the mean over the two directions for each example, in nats. With random
      embeddings about ln(2B - 1). The block size only changes rounding.

    Raises:
      AssertionError: if the shapes differ.

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
    2020, eq. 1.
    """
    chex.assert_rank([a, b], 2)
    chex.assert_equal_shape([a, b])
    batch = a.shape[0]
    both = jnp.concatenate([a, b])
    if block is None:
        block = 2 * batch if batch <= _WHOLE else _SIMILARITIES // (2 * batch)
    if block < 2 * batch:
        loss = _nt_xent_in_blocks(both, temperature, max(block, 1))
        return 0.5 * (loss[:batch] + loss[batch:])
    other = jnp.roll(jnp.arange(2 * batch), batch)
    not_itself = ~jnp.eye(2 * batch, dtype=bool)
    loss = info_nce(both, both, positives=other, temperature=temperature, candidates=not_itself)
    return 0.5 * (loss[:batch] + loss[batch:])


def _nt_xent_in_blocks(both: jax.Array, temperature: float | jax.Array, block: int) -> jax.Array:
    """The loss of each of 2B rows, a block of rows at a time; float32 [2B]."""
    z = l2_normalize(both)
    count = z.shape[0]
    positive = jnp.sum(z * jnp.roll(z, count // 2, axis=0), axis=1) / temperature
    rows = max(n for n in range(1, min(block, count) + 1) if count % n == 0)

    # Only the block's own rows are kept for the gradient; its similarities are made again.
    @jax.checkpoint
    def normalizer(queries: jax.Array, index: jax.Array) -> jax.Array:
        logits = matmul(queries, z.T) / temperature
        itself = index[:, None] == jnp.arange(count)
        return jax.nn.logsumexp(jnp.where(itself, _NEVER, logits), axis=1)

    # A block takes its rows from all over the batch: with a batch split over devices, each of them
    # works on rows of its own.
    def split(x: jax.Array) -> jax.Array:
        return x.reshape(rows, count // rows, *x.shape[1:]).swapaxes(0, 1)

    found = jax.lax.map(lambda part: normalizer(*part), (split(z), split(jnp.arange(count))))
    return found.swapaxes(0, 1).reshape(count) - positive


@checked
def multiview_nce(
    views: jax.Array, *, temperature: Positive | jax.Array, labels: jax.Array | None = None
) -> jax.Array:
    """Each of the V views of an example finds all its others among those of the whole batch.

    A view is compared with all B V - 1 others; the cross-entropies of its positives are averaged.
    With two views and no labels this is NT-Xent.

    Args:
      views: [B, V, D] embeddings, any float dtype.
      temperature: positive scalar.
      labels: int [B]; where given, all views of examples with the same label are positives too.

    Returns:
      float32 [B], the mean over the views of each example, in nats. With random embeddings about
      ln(B V - 1).

    Raises:
      AssertionError: if there are fewer than two views.

    Source: Wang & Sun, "TransTab: Learning Transferable Tabular Transformers Across Tables", 2022,
    section 3.3; with labels Khosla et al., "Supervised Contrastive Learning", 2020, eq. 2.
    """
    chex.assert_rank(views, 3)
    chex.assert_axis_dimension_gteq(views, 1, 2)
    batch, count, width = views.shape
    if labels is not None:
        chex.assert_shape(labels, (batch,))
    flat = views.reshape(batch * count, width)
    kind = jnp.repeat(jnp.arange(batch) if labels is None else labels, count)
    others = ~jnp.eye(batch * count, dtype=bool)
    same = (kind[:, None] == kind[None, :]) & others
    loss = info_nce(flat, flat, positives=same, temperature=temperature, candidates=others)
    return jnp.mean(loss.reshape(batch, count), axis=1)


@checked
def queue_nce(
    queries: jax.Array, keys: jax.Array, negatives: jax.Array, *, temperature: Positive | jax.Array
) -> jax.Array:
    """InfoNCE of each query with its own key against one set of negatives for all.

    Args:
      queries: [B, D], any float dtype; normalised here.
      keys: [B, D], the positive of each query, likewise.
      negatives: [K, D], likewise.
      temperature: positive scalar.

    Returns:
      float32 [B], in nats; with random embeddings about ln(K + 1).

    Raises:
      AssertionError: if the shapes do not agree.

    Source: He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", 2020,
    eq. 1.
    """
    chex.assert_rank([queries, keys, negatives], 2)
    chex.assert_equal_shape([queries, keys])
    chex.assert_axis_dimension(negatives, 1, queries.shape[1])
    queries, keys = l2_normalize(queries), l2_normalize(keys)
    positive = jnp.sum(queries * keys, axis=1, keepdims=True)
    negative = matmul(queries, l2_normalize(negatives).T)
    logits = jnp.concatenate([positive, negative], axis=1) / temperature
    return jax.nn.logsumexp(logits, axis=1) - logits[:, 0]


@checked
def paired_nce(a: jax.Array, b: jax.Array, *, scale: NonNegative | jax.Array) -> jax.Array:
    """InfoNCE of pairs in both directions: a finds its b among all b, and b its a.

    Args:
      a: [B, D], any float dtype; normalised here.
      b: [B, D], row i belongs to row i of a.
      scale: the inverse temperature, which may be learnt.

    Returns:
      float32 [B], the mean over the two directions, in nats. With random embeddings about ln B.

    Raises:
      AssertionError: if the shapes differ.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
    2021, figure 3.
    """
    logits = scale * _cosines(a, b)
    own = jnp.diagonal(logits)
    both = jax.nn.logsumexp(logits, axis=1) + jax.nn.logsumexp(logits, axis=0)
    return 0.5 * both - own


@checked
def paired_sigmoid(
    a: jax.Array, b: jax.Array, *, scale: NonNegative | jax.Array, bias: Real | jax.Array
) -> jax.Array:
    """Binary cross-entropy of "a pair" for each of the B^2 combinations.

    Args:
      a: [B, D], any float dtype; normalised here.
      b: [B, D], row i belongs to row i of a.
      scale: factor of the cosines, which may be learnt.
      bias: added to them; negative, as most combinations are no pairs.

    Returns:
      float32 [B], the sum over the combinations of each row of a.

    Raises:
      AssertionError: if the shapes differ.

    Source: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023, section 3.2.
    """
    logits = scale * _cosines(a, b) + bias
    sign = 2.0 * jnp.eye(a.shape[0], dtype=jnp.float32) - 1.0
    return jnp.sum(jax.nn.softplus(-sign * logits), axis=1)


def _cosines(a: jax.Array, b: jax.Array) -> jax.Array:
    """Cosine similarities of all rows, float32 [B, B]."""
    chex.assert_rank([a, b], 2)
    chex.assert_equal_shape([a, b])
    return matmul(l2_normalize(a), l2_normalize(b).T)


def nearest(queries: jax.Array, rows: jax.Array) -> jax.Array:
    """The row of largest cosine similarity for each query; no gradient passes.

    Args:
      queries: [B, D], any float dtype.
      rows: [K, D].

    Returns:
      float32 [B, D], unit vectors.

    Source: Dwibedi et al., "With a Little Help from My Friends", 2021, eq. 2.
    """
    chex.assert_rank([queries, rows], 2)
    chex.assert_axis_dimension(rows, 1, queries.shape[1])
    rows = l2_normalize(jax.lax.stop_gradient(rows))
    similarity = matmul(l2_normalize(jax.lax.stop_gradient(queries)), rows.T)
    return rows[jnp.argmax(similarity, axis=1)]
