"""Masks whose number of masked tokens varies from example to example; see masks.py."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.augmentations.mask_blocks import block_scores, check_grid
from jssl.augmentations.masks import Mask, hidden_count
from jssl.core.ranges import Count, Grid, Unit, Units
from jssl.errors import UserError


def varying_mask(
    key: jax.Array,
    example: object = None,
    *,
    grid: Grid,
    ratio: Units = (0.1, 0.5),
    p: Unit = 0.5,
    blocks: bool = True,
    smallest: Count = 4,
    attempts: Count = 64,
) -> Mask:
    """Hides blocks or single tokens at a ratio drawn anew, or nothing at all.

    iBOT (Zhou et al., 2022, section 3.3) and DINOv2 (Oquab et al., 2023): half of the crops whole,
    the others masked in blocks at a ratio uniform between 0.1 and 0.5.

    Args:
      key: PRNG key.
      example: not used.
      grid: (rows, columns) of tokens.
      ratio: range of the share to hide.
      p: probability that anything is hidden.
      blocks: hide blocks as in BEiT, with single tokens for what is missing; else single tokens.
      smallest: tokens in a block at least.
      attempts: blocks tried.

    Returns:
      dict(mask bool [N], masked int32 [M]): M is what the largest ratio hides; `masked` names the
      masked tokens first, and then as many others as fill it up. There is no `keep`, whose length
      would vary.

    Raises:
      UserError: a probability outside [0, 1], a range upside down or a ratio that hides all.
    """
    if not 0 <= p <= 1 or not 0 < ratio[0] <= ratio[1]:
        raise UserError(
            f"p lies between 0 and 1 and ratio is (smallest, largest), not {p} and {ratio}"
        )
    tokens = check_grid(grid)
    most = hidden_count(tokens, ratio[1])
    coin, size, place = jax.random.split(key, 3)
    share = jax.random.uniform(size, minval=ratio[0], maxval=ratio[1])
    count = jnp.where(jax.random.uniform(coin) < p, jnp.floor(share * tokens), 0.0)
    count = jnp.minimum(count.astype(jnp.int32), most)
    if blocks:
        area = (jnp.minimum(smallest, count), count)
        scores = block_scores(place, grid, count, area, (0.3, 1 / 0.3), attempts)
    else:
        scores = jax.random.uniform(place, (tokens,))
    order = jnp.argsort(-scores, stable=True).astype(jnp.int32)
    mask = jnp.zeros((tokens,), bool).at[order].set(jnp.arange(tokens) < count)
    return {"mask": mask, "masked": order[:most]}
