"""Objectives of finding the quantised step of a sequence among others of the same sequence."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jssl.core.ranges import Positive, checked
from jssl.objectives.common import l2_normalize, log_softmax, matmul
from jssl.objectives.masked import masked_mean

_NEVER = -1e30  # stands for "not a candidate"; finite, so that gradients stay finite


def other_hidden(draw: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Negatives of each masked step, drawn with replacement from the other masked steps.

    Args:
      draw: float [B, N, K] in [0, 1), uniform.
      mask: bool [B, N], True where a step is hidden.

    Returns:
      (negatives, there): int32 [B, N, K], steps of the same example; bool [B, N, K], False where
      the step is not hidden or the example hides no other.

    Source: Baevski et al., "wav2vec 2.0", 2020, section 3.2.
    """
    chex.assert_rank([draw, mask], [3, 2])
    chex.assert_equal_shape_prefix([draw, mask], 2)
    order = jnp.argsort(~mask, axis=1, stable=True)  # masked steps first, in their order
    others = jnp.sum(mask, axis=1)[:, None, None] - 1
    rank = (jnp.cumsum(mask, axis=1) - 1)[..., None]
    drawn = jnp.minimum(jnp.floor(draw * others).astype(jnp.int32), others - 1)
    drawn = jnp.maximum(drawn + (drawn >= rank), 0)  # the step itself is left out
    flat = drawn.reshape(mask.shape[0], -1)
    negatives = jnp.take_along_axis(order, flat, axis=1).reshape(draw.shape)
    there = jnp.broadcast_to(mask[..., None] & (others > 0), draw.shape)
    return negatives.astype(jnp.int32), there


@checked
def sequence_nce(
    queries: jax.Array,
    keys: jax.Array,
    negatives: jax.Array,
    allowed: jax.Array,
    mask: jax.Array,
    *,
    temperature: Positive | jax.Array,
) -> jax.Array:
    """InfoNCE of each masked step with its own key against drawn keys of the same example.

    Args:
      queries: [B, N, D], any float dtype; normalised here.
      keys: [B, N, D], the key of each step, likewise.
      negatives: int [B, N, K], the steps whose keys a query is to be told from.
      allowed: bool [B, N, K], which of them count.
      mask: bool [B, N], the steps that are asked for.
      temperature: positive scalar.

    Returns:
      float32 [B], averaged over the masked steps, in nats; 0 for an example without one. With
      random vectors about ln(K + 1).

    Raises:
      AssertionError: if the shapes do not agree.

    Source: Baevski et al., "wav2vec 2.0", 2020, eq. 3.
    """
    chex.assert_rank([queries, keys, negatives, allowed, mask], [3, 3, 3, 3, 2])
    chex.assert_equal_shape([queries, keys])
    chex.assert_equal_shape([negatives, allowed])
    chex.assert_equal_shape_prefix([queries, negatives, mask], 2)
    scores = matmul(l2_normalize(queries), l2_normalize(keys).swapaxes(1, 2)) / temperature
    own = jnp.diagonal(scores, axis1=1, axis2=2)
    others = jnp.where(allowed, jnp.take_along_axis(scores, negatives, axis=2), _NEVER)
    total = jax.nn.logsumexp(jnp.concatenate([own[..., None], others], axis=-1), axis=-1)
    return masked_mean(total - own, mask)


def unused_codes(logits: jax.Array, weights: jax.Array) -> jax.Array:
    """Share of the entries of codebooks that lie idle: 1 - perplexity / V, averaged over them.

    The perplexity is that of the choices averaged over all examples and steps that count.

    Args:
      logits: [B, N, G, V], scores of the entries, any float dtype.
      weights: [B, N], which steps count.

    Returns:
      float32 scalar in [0, 1); 0 if no step counts.

    Source: Baevski et al., "wav2vec 2.0", 2020, eq. 4, in the form of the authors' code: eq. 4
    itself is -(1 / GV) sum over g of the entropy H_g, and this is (1 / GV) sum over g of
    (V - exp H_g).
    """
    chex.assert_rank([logits, weights], [4, 2])
    chex.assert_equal_shape_prefix([logits, weights], 2)
    weights = weights.astype(jnp.float32)[..., None, None]
    total = jnp.sum(weights)
    chosen = jnp.exp(log_softmax(logits)) * weights
    mean = jnp.sum(chosen, axis=(0, 1)) / jnp.where(total > 0, total, 1.0)
    entropy = -jnp.sum(mean * jnp.log(jnp.maximum(mean, 1e-30)), axis=-1)
    return jnp.where(total > 0, jnp.mean(1.0 - jnp.exp(entropy) / logits.shape[-1]), 0.0)
