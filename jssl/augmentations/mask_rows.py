"""Masks that hide the same share of each row of a grid of tokens, such as a channel of a series."""

from __future__ import annotations

import jax

from jssl.augmentations.masks import Mask, from_rows, hidden_count
from jssl.core.ranges import Count, Inside


def row_mask(
    key: jax.Array, example: object = None, *, rows: Count, columns: Count, ratio: Inside
) -> Mask:
    """Hides an exact number of tokens in each row, other ones in each.

    Nie et al., "A Time Series is Worth 64 Words", 2023, section 3.2: each channel of a series has
    a mask of its own.

    Args:
      key: PRNG key.
      example: not used.
      rows: number of rows; tokens are numbered row by row.
      columns: tokens in a row.
      ratio: share to hide.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]), N = rows * columns.
    """
    count = hidden_count(columns, ratio)
    scores = jax.random.uniform(key, (rows, columns))
    return from_rows(scores, count)
