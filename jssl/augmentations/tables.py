"""Augmentations of table rows: values from other rows, subsets and groups of columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.masks import Mask
from jssl.core.ranges import Count, Inside, Unit
from jssl.errors import UserError, nearest


def corrupt_columns(
    key: jax.Array, views: dict[str, Any], *, names: Sequence[str] = ("b",), rate: Unit = 0.6
) -> dict[str, Any]:
    """Replaces values of each row by those of other rows, drawn independently for each column.

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


def partition_columns(
    key: jax.Array,
    views: dict[str, Any],
    *,
    columns: Count,
    name: str = "views",
    overlap: Unit = 0.5,
    shuffle: bool = False,
) -> dict[str, Any]:
    """Keeps a different group of columns in each copy of the rows; all rows use the same groups.

    Wang & Sun, "TransTab", 2022, section 3.3: columns are cut into as many equal groups as there
    are copies, and each group gets some columns of the next one as well. One partition is used for
    the whole batch, since with a partition per row, rows could be identified by their missing
    columns. For the argument `batch` of `Views`.

    Args:
      key: PRNG key.
      views: dict with a view of rows as cells (see `jssl.data.cells`), each leaf [B, V, ...].
      columns: C, number of columns of the table.
      name: of that view.
      overlap: share of a group by which it reaches into the next one (the last: into the one
        before), rounded up.
      shuffle: whether columns are shuffled at each step instead of keeping the table's order.

    Returns:
      The views; in the one named, cells of columns outside a group are no longer there.

    Raises:
      UserError: there is no such view, or there are fewer columns than copies.
    """
    column = views[name].get("column") if isinstance(views.get(name), dict) else None
    if column is None or column.ndim != 3:
        raise UserError(f"no view {name!r} of rows as cells, repeated: {nearest(name, views)}")
    groups = np.array_split(np.arange(columns), column.shape[1])
    if len(groups[-1]) == 0:
        raise UserError(f"{columns} columns do not make {len(groups)} groups")
    more = math.ceil(overlap * len(groups[0]))
    chosen = np.zeros((len(groups), columns), bool)
    for number, group in enumerate(groups):
        last = number == len(groups) - 1
        beside = groups[number - 1][::-1] if last else groups[number + 1]
        chosen[number, [*group, *beside[:more]]] = True
    order = jax.random.permutation(key, columns) if shuffle else jnp.arange(columns)
    # Column 0 is a cell that is not there.
    inside = jnp.zeros((len(groups), columns + 1), bool).at[:, 1 + order].set(chosen)
    kept = inside[jnp.arange(len(groups))[:, None], column]
    return views | {name: {**views[name], "column": jnp.where(kept, column, 0)}}


def subset_mask(
    key: jax.Array,
    example: object = None,
    *,
    tokens: Count,
    context: Inside = 0.5,
    target: Inside = 0.25,
    targets: Count = 4,
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
