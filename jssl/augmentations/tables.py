"""Augmentations of table rows: columns taken from other rows, and subsets of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jssl.augmentations.masks import Mask
from jssl.errors import UserError, nearest


def corrupt_columns(
    key: jax.Array, views: dict[str, Any], *, names: Sequence[str] = ("b",), rate: float = 0.6
) -> dict[str, Any]:
    """Replaces columns of each row by those of other rows, each from a row of its own.

    So each value is drawn from its column's distribution in the batch (Bahri et al., "SCARF", 2022,
    section 3, where it is that of the whole training set). For the argument `batch` of `Views`.

    Args:
      key: PRNG key.
      views: dict of [B, ...].
      names: views to corrupt, [B, C] each, independently of each other.
      rate: share of the columns that are replaced in each row, to the nearest number.

    Returns:
      The views, those named replaced.
    """
    changed = {}
    for number, name in enumerate(names):
        if name not in views or views[name].ndim != 2:
            raise UserError(f"no view {name!r} of rows [B, C]: {nearest(name, views)}")
        x = views[name]
        choose, draw = jax.random.split(jax.random.fold_in(key, number))
        rank = jnp.argsort(jnp.argsort(jax.random.uniform(choose, x.shape), axis=1), axis=1)
        rows = jax.random.randint(draw, x.shape, 0, x.shape[0])
        other = jnp.take_along_axis(x, rows, axis=0)
        changed[name] = jnp.where(rank < round(rate * x.shape[1]), other, x)
    return views | changed


def subset_mask(
    key: jax.Array,
    example: object = None,
    *,
    tokens: int,
    context: float = 0.5,
    target: float = 0.25,
    targets: int = 4,
) -> Mask:
    """A random subset of tokens as context, and several of the others as targets.

    Thimonier et al., "T-JEPA", 2025, section 4: subsets of columns, not blocks, because columns
    have no order. There sizes vary from step to step; here they are fixed.

    Args:
      key: PRNG key.
      example: not used.
      tokens: N, number of tokens.
      context: share of the tokens in the context.
      target: share of the tokens in each target.
      targets: M, number of targets; they may overlap each other, not the context.

    Returns:
      dict(keep int32 [K], targets int32 [M, T], mask bool [N], True outside the context).

    Raises:
      UserError: the context and a target do not fit.
    """
    kept, size = max(1, round(context * tokens)), max(1, round(target * tokens))
    if kept + size > tokens:
        raise UserError(
            f"a context of {kept} and a target of {size} do not fit {tokens} tokens; take smaller "
            "shares"
        )
    first, *others = jax.random.split(key, targets + 1)
    order = jax.random.permutation(first, tokens)
    rest = order[kept:]
    parts = [jnp.sort(jax.random.permutation(k, rest)[:size]) for k in others]
    keep = jnp.sort(order[:kept])
    return {
        "keep": keep.astype(jnp.int32),
        "targets": jnp.stack(parts).astype(jnp.int32),
        "mask": jnp.ones((tokens,), bool).at[keep].set(False),
    }
