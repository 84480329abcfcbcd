"""Mask samplers: which tokens are masked. What is predicted there is defined by the method.

A sampler is f(key, example=None, *, ...) and ignores the example, unless it says otherwise. It
returns a dict with static shapes: `mask` bool [N] (True is masked), `keep` int32 [K] and `masked`
int32 [N - K], the indices of visible and of masked tokens in ascending order.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Inside
from jssl.errors import UserError

Mask = dict[str, jax.Array]


def hidden_count(tokens: int, ratio: float) -> int:
    """Number of tokens masked at a ratio: all but int(tokens (1 - ratio)), MAE's rounding.

    Raises:
      UserError: a ratio outside (0, 1), or one that hides all or nothing.
    """
    if not 0 < ratio < 1:
        raise UserError(f"a mask ratio lies between 0 and 1, not {ratio}")
    count = tokens - int(tokens * (1 - ratio) + 1e-6)
    if not 0 < count < tokens:
        raise UserError(f"a mask ratio of {ratio} hides {count} of {tokens} tokens: all or nothing")
    return count


def from_scores(scores: jax.Array, count: int) -> Mask:
    """Hides the `count` tokens of the highest score.

    Args:
      scores: float [N].
      count: tokens to hide, static.

    Returns:
      dict(mask bool [N], keep int32 [N - count], masked int32 [count]).
    """
    order = jnp.argsort(scores, stable=True)
    keep = jnp.sort(order[: scores.shape[0] - count]).astype(jnp.int32)
    masked = jnp.sort(order[scores.shape[0] - count :]).astype(jnp.int32)
    mask = jnp.zeros(scores.shape, bool).at[masked].set(True)
    return {"mask": mask, "keep": keep, "masked": masked}


def from_rows(scores: jax.Array, count: int) -> Mask:
    """Hides the `count` tokens of the highest score in each row.

    Args:
      scores: float [R, C]; token c of row r has the number r * C + c.
      count: tokens to hide in a row, static.

    Returns:
      dict(mask bool [R * C], keep int32 [R * (C - count)], masked int32 [R * count]).
    """
    rows, columns = scores.shape
    order = jnp.argsort(scores, axis=1, stable=True) + jnp.arange(rows)[:, None] * columns
    keep = jnp.sort(order[:, : columns - count].reshape(-1)).astype(jnp.int32)
    masked = jnp.sort(order[:, columns - count :].reshape(-1)).astype(jnp.int32)
    mask = jnp.zeros((rows * columns,), bool).at[masked].set(True)
    return {"mask": mask, "keep": keep, "masked": masked}


def random_mask(key: jax.Array, example: object = None, *, tokens: Count, ratio: Inside) -> Mask:
    """Hides tokens chosen uniformly, an exact number of them (MAE: He et al., 2021, section 3).

    Args:
      key: PRNG key.
      example: not used.
      tokens: N, number of tokens.
      ratio: share to hide.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]), K = int(N (1 - ratio)).
    """
    return from_scores(jax.random.uniform(key, (tokens,)), hidden_count(tokens, ratio))
