"""Objectives of self-distillation: a student predicts the teacher's soft assignment."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Positive, Unit, checked
from jssl.objectives.clustering import sinkhorn
from jssl.objectives.common import log_softmax, matmul

CENTRINGS = ("centre", "sinkhorn")


@checked
def cross_view(
    scores: jax.Array, targets: jax.Array, *, temperature: Positive | jax.Array
) -> jax.Array:
    """Soft cross-entropy of every view with the targets of every other one.

    The first G views are the ones that have targets; a view is never compared with itself.

    Args:
      scores: [B, V, K] of the student's views, any float dtype.
      targets: [B, G, K], G <= V, each summing to one over K.
      temperature: positive scalar of the student.

    Returns:
      float32 [B], mean over the G (V - 1) pairs, in nats.

    Raises:
      ValueError: if the shapes do not agree or there is no pair.

    Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", 2021, eq. 3;
    swapped prediction of SwAV is the same with codes as targets (Caron et al., 2020, eq. 1).
    """
    chex.assert_rank([scores, targets], 3)
    (batch, views, width), given = scores.shape, targets.shape[1]
    if targets.shape != (batch, given, width) or not 1 <= given <= views or views < 2:
        raise ValueError(
            f"scores {scores.shape} and targets {targets.shape} must be [B, V, K] and [B, G, K] "
            "with G <= V and V >= 2"
        )
    log_p = log_softmax(scores, temperature=temperature)
    pairs = -matmul(targets, log_p.swapaxes(1, 2))
    other = ~jnp.eye(given, views, dtype=bool)
    return jnp.sum(jnp.where(other, pairs, 0.0), axis=(1, 2)) / (given * (views - 1))


@checked
def teacher_targets(
    scores: jax.Array,
    *,
    temperature: Positive | jax.Array,
    centring: str = "centre",
    centre: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> jax.Array:
    """The teacher's scores as targets that do not collapse onto few prototypes.

    Args:
      scores: [..., K], any float dtype; leading axes are examples alike.
      temperature: positive scalar of the teacher.
      centring: "centre" (softmax of the scores less a running mean; DINO) or "sinkhorn" (balanced
        over the examples at hand, three iterations; SwAV, DINOv2).
      centre: float32 [K] for "centre".
      weights: [...] of the examples for "sinkhorn"; None for one each.

    Returns:
      float32 [..., K], each summing to one; no gradient flows through it.

    Raises:
      ValueError: for an unknown centring, or "centre" without a centre.

    Source: Caron et al., 2021, section 3.1 and eq. 4; Oquab et al., "DINOv2", 2023, section 4.
    """
    if weights is not None:
        chex.assert_size(weights, scores.size // scores.shape[-1])
    scores = jax.lax.stop_gradient(scores).astype(jnp.float32)
    if centring == "sinkhorn":
        flat = scores.reshape(-1, scores.shape[-1])
        weights = None if weights is None else weights.reshape(-1)
        return sinkhorn(flat, temperature=temperature, weights=weights).reshape(scores.shape)
    if centring != "centre" or centre is None:
        raise ValueError(f"centring is 'centre', with a centre, or 'sinkhorn', not {centring!r}")
    chex.assert_shape(centre, scores.shape[-1:])
    return jnp.exp(log_softmax(scores - centre, temperature=temperature))


@checked
def update_centre(
    centre: jax.Array,
    scores: jax.Array,
    *,
    momentum: Unit | jax.Array,
    weights: jax.Array | None = None,
) -> jax.Array:
    """Moves the running mean of the teacher's scores towards that of this batch.

    Args:
      centre: float32 [K].
      scores: [..., K] of the teacher, any float dtype.
      momentum: share of the old centre that is kept.
      weights: [...], which scores count; None for all alike. The centre stays if none does.

    Returns:
      float32 [K].

    Source: Caron et al., 2021, eq. 4.
    """
    chex.assert_shape(centre, scores.shape[-1:])
    if weights is not None:
        chex.assert_shape(weights, scores.shape[:-1])
    scores = jax.lax.stop_gradient(scores).astype(jnp.float32).reshape(-1, scores.shape[-1])
    if weights is None:
        return momentum * centre + (1.0 - momentum) * jnp.mean(scores, axis=0)
    weights = weights.astype(jnp.float32).reshape(-1, 1)
    total = jnp.sum(weights)
    mean = jnp.sum(jnp.where(weights > 0, scores, 0.0) * weights, axis=0)
    moved = momentum * centre + (1.0 - momentum) * mean / jnp.where(total > 0, total, 1.0)
    return jnp.where(total > 0, moved, centre)
