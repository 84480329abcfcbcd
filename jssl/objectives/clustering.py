"""Objectives of clustering: balanced assignments, entropy of their mean, spherical k-means."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Natural, Positive, checked
from jssl.objectives.common import l2_normalize, log_softmax, matmul


@checked
def sinkhorn(
    scores: jax.Array,
    *,
    temperature: Positive | jax.Array,
    iterations: Count = 3,
    weights: jax.Array | None = None,
) -> jax.Array:
    """Soft assignments that use all prototypes equally: Sinkhorn-Knopp on `exp(scores / T)`.

    Each iteration first gives every prototype the same total mass, then every example mass one;
    the last step is the latter, so rows sum to one exactly and columns to N / K in the limit. It
    works with logarithms, which neither overflow nor underflow for distant examples.

    Args:
      scores: [N, K] similarity of examples and prototypes, any float dtype.
      temperature: positive scalar T (epsilon of the papers).
      iterations: how many times both sides are normalised.
      weights: [N] non-negative mass with which an example counts towards the balance, or None for
        one each. Examples of weight 0 get an assignment but do not influence others.

    Returns:
      float32 [N, K], rows that sum to one. No gradient flows through it.

    Source: Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster
    Assignments", 2020, section 3.1; Cuturi, "Sinkhorn Distances", 2013.
    """
    chex.assert_rank(scores, 2)
    if weights is not None:
        chex.assert_size(weights, scores.shape[0])
    scores = jax.lax.stop_gradient(scores).astype(jnp.float32)
    # The barrier keeps the division from being fused with the subtraction that follows, whose
    # rounding error would be huge where scores are.
    log_q = jax.lax.optimization_barrier(scores / temperature)
    mass = jnp.ones((log_q.shape[0], 1)) if weights is None else weights.reshape(-1, 1)
    log_mass = jnp.where(mass > 0, jnp.log(jnp.where(mass > 0, mass, 1.0)), -jnp.inf)
    for _ in range(iterations):
        used = jax.nn.logsumexp(log_q + log_mass, axis=0, keepdims=True)
        log_q = log_q - jnp.where(jnp.isfinite(used), used, 0.0)  # infinite if no example counts
        log_q = log_q - jax.nn.logsumexp(log_q, axis=1, keepdims=True)
    return jax.nn.softmax(log_q, axis=1)


def mean_entropy(probabilities: jax.Array) -> jax.Array:
    """Entropy of the mean assignment, in nats: ln K if all prototypes are used equally.

    Args:
      probabilities: [..., K], rows that sum to one, any float dtype; averaged over all other axes.

    Returns:
      float32 scalar.

    Source: Assran et al., "Masked Siamese Networks for Label-Efficient Learning", 2022, eq. 1.
    """
    p = probabilities.astype(jnp.float32).reshape(-1, probabilities.shape[-1])
    p = jnp.mean(p, axis=0)
    return -jnp.sum(p * jnp.log(jnp.where(p > 0, p, 1.0)))


@checked
def cluster_loss(
    embedding: jax.Array, centroids: jax.Array, labels: jax.Array, *, temperature: Positive
) -> jax.Array:
    """Cross-entropy of all crops with the cluster of their image.

    Args:
      embedding: [B, V, D] unit vectors, any float dtype.
      centroids: [K, D] unit vectors; no gradient flows into them.
      labels: int [B]; negative for an image without a cluster, which does not count.
      temperature: positive scalar.

    Returns:
      float32 scalar, mean over the crops that count; 0 if none does.

    Source: Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster
    Assignments", 2020, DeepCluster-v2.
    """
    chex.assert_rank([embedding, centroids, labels], [3, 2, 1])
    chex.assert_axis_dimension(centroids, 1, embedding.shape[2])
    chex.assert_axis_dimension(labels, 0, embedding.shape[0])
    scores = matmul(embedding, jax.lax.stop_gradient(centroids).T)
    log_p = log_softmax(scores, temperature=temperature)
    places = jnp.maximum(labels, 0)[:, None, None]
    chosen = jnp.take_along_axis(log_p, jnp.broadcast_to(places, (*log_p.shape[:2], 1)), axis=2)
    counts = (labels >= 0).astype(jnp.float32)
    total = jnp.sum(counts) * embedding.shape[1]
    return -jnp.sum(chosen[..., 0] * counts[:, None]) / jnp.where(total > 0, total, 1.0)


@checked
def spherical_kmeans(
    x: jax.Array,
    centroids: jax.Array,
    *,
    weights: jax.Array,
    iterations: Natural = 10,
    chunk: Count = 16384,
) -> tuple[jax.Array, jax.Array]:
    """k-means on the sphere: nearest by cosine, centroids are normalised means.

    Goes through the rows in chunks, so that the [N, K] similarities never exist at once. A cluster
    that loses its last member keeps its centroid.

    Args:
      x: [N, D], any float dtype; normalised here.
      centroids: [K, D], where to start.
      weights: [N], 1 for rows that count and 0 for rows to leave out.
      iterations: of assignment and update; a last assignment follows.
      chunk: rows at a time.

    Returns:
      (centroids float32 [K, D] of unit length, assignments int32 [N]). Rows of weight 0 are
      assigned as well. No gradient flows through it.

    Source: Dhillon & Modha, "Concept Decompositions for Large Sparse Text Data Using Clustering",
    2001.
    """
    chex.assert_rank([x, centroids, weights], [2, 2, 1])
    chex.assert_axis_dimension(centroids, 1, x.shape[1])
    chex.assert_axis_dimension(weights, 0, x.shape[0])
    count, width = x.shape
    chunk = min(chunk, count)
    pad = -count % chunk
    x = l2_normalize(jax.lax.stop_gradient(x))
    rows = jnp.pad(x, ((0, pad), (0, 0))).reshape(-1, chunk, width)
    mass = jnp.pad(weights.astype(jnp.float32), (0, pad)).reshape(-1, chunk)
    start = l2_normalize(jax.lax.stop_gradient(centroids))

    def assign(rows: jax.Array, centroids: jax.Array) -> jax.Array:
        return jnp.argmax(matmul(rows, centroids.T), axis=1).astype(jnp.int32)

    def step(_: int, centroids: jax.Array) -> jax.Array:
        def add(total: jax.Array, part: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            member = jax.nn.one_hot(assign(part[0], centroids), centroids.shape[0])
            return total + matmul((member * part[1][:, None]).T, part[0]), None

        total, _ = jax.lax.scan(add, jnp.zeros_like(centroids), (rows, mass))
        empty = jnp.sum(jnp.abs(total), axis=1, keepdims=True) == 0
        return jnp.where(empty, centroids, l2_normalize(total))

    final = jax.lax.fori_loop(0, iterations, step, start)
    labels = jax.lax.map(lambda part: assign(part, final), rows)
    return final, labels.reshape(-1)[:count]
