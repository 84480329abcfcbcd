"""I-JEPA's mask sampler: target blocks and a context block that avoids them."""

from __future__ import annotations

import math
from typing import Literal

import jax
import jax.numpy as jnp

from jssl.augmentations.mask_blocks import check_grid
from jssl.augmentations.masks import Mask
from jssl.core.ranges import Count, Grid, Shares, Spread
from jssl.errors import UserError, nearest

CUTS = ("first", "random")


def multi_block_mask(
    key: jax.Array,
    example: object = None,
    *,
    grid: Grid,
    targets: Count = 4,
    target_scale: Shares = (0.15, 0.2),
    target_ratio: Spread = (0.75, 1.5),
    context_scale: Shares = (0.85, 1.0),
    context: Count | None = None,
    draws: Count = 8,
    cut: Literal["first", "random"] = "first",
) -> Mask:
    """Target blocks and a context block without them (I-JEPA: Assran et al., 2023, section 3).

    Blocks have random sizes and shapes must be static, so, as the authors' collation does across a
    batch, index lists are cut to a common length: targets to the smallest block there can be, the
    context to `context` tokens. Of `draws` draws the first with enough context is taken; if there
    is none, the one with most, and tokens outside its context block fill up (targets only where
    even those do not suffice, which an explicit `context` excludes).

    The authors keep the first tokens of each list in raster order, so that the lower rows of a
    block are lost. Where lists are cut to a small part, as with few tokens, the bottom row is then
    hardly ever context; `cut="random"` keeps a random part instead.

    Args:
      key: PRNG key.
      example: not used.
      grid: (rows, columns) of tokens.
      targets: M, number of target blocks.
      target_scale: range of a target's share of the tokens.
      target_ratio: range of a target's height / width.
      context_scale: range of the context block's share before the targets are taken out; square.
      context: K, tokens of context; None is a quarter of all.
      draws: draws of all blocks.
      cut: which tokens of a list that is too long are kept: the "first" in raster order, or
        "random" ones.

    Returns:
      dict(keep int32 [K], the context; targets int32 [M, T]; mask bool [N], True where some target
      is), raster order.

    Raises:
      UserError: targets that can leave too few tokens for the context, or an unknown `cut`.
    """
    if cut not in CUTS:
        raise UserError(f"no way to cut a list of tokens is called {cut!r}: {nearest(cut, CUTS)}")
    rows, columns = grid
    tokens = check_grid(grid)
    wanted = max(1, tokens // 4) if context is None else context
    least = _smallest_block(grid, target_scale, target_ratio)
    y, x = jnp.mgrid[:rows, :columns]

    def block(u: jax.Array, scale: tuple[float, float], ratio: tuple[float, float]) -> jax.Array:
        area = tokens * (scale[0] + (scale[1] - scale[0]) * u[0])
        aspect = ratio[0] + (ratio[1] - ratio[0]) * u[1]
        h = jnp.clip(jnp.round(jnp.sqrt(area * aspect)), 1, rows)
        w = jnp.clip(jnp.round(jnp.sqrt(area / aspect)), 1, columns)
        top, left = jnp.floor(u[2] * (rows - h + 1)), jnp.floor(u[3] * (columns - w + 1))
        return ((y >= top) & (y < top + h) & (x >= left) & (x < left + w)).reshape(-1)

    u = jax.random.uniform(key, (draws, targets + 1, 4))
    target = jax.vmap(jax.vmap(lambda v: block(v, target_scale, target_ratio)))(u[:, :-1])
    free = jax.vmap(lambda v: block(v, context_scale, (1.0, 1.0)))(u[:, -1])
    free &= ~jnp.any(target, axis=1)
    enough = jnp.minimum(jnp.sum(free, axis=1), wanted)
    best = jnp.argmax(enough)
    target, free = target[best], free[best]
    hidden = jnp.any(target, axis=0)
    most = targets * _largest_block(grid, target_scale, target_ratio)
    if tokens - most < wanted and context is not None:
        raise UserError(
            f"{targets} targets may hide {min(most, tokens)} of {tokens} tokens, which leaves too "
            f"few for a context of {wanted}; lower context or target_scale"
        )
    # Numbers below 1 that order the tokens within a class; equal ones leave them in raster order.
    ranks = jnp.zeros((targets + 1, tokens))
    if cut == "random":
        ranks = jax.random.uniform(jax.random.fold_in(key, 1), ranks.shape)
    # Context first, then what is neither context nor target, then (only if forced) targets.
    order = jnp.argsort(jnp.where(free, 0, jnp.where(hidden, 2, 1)) + ranks[-1], stable=True)
    chosen = jnp.argsort(~target + ranks[:-1], axis=1, stable=True)[:, :least]
    return {
        "keep": jnp.sort(order[:wanted]).astype(jnp.int32),
        "targets": jnp.sort(chosen, axis=1).astype(jnp.int32),
        "mask": hidden,
    }


def _sides(grid: Grid, scale: tuple[float, float], ratio: tuple[float, float]) -> list[int]:
    tokens, areas = grid[0] * grid[1], []
    for i in range(65):
        for j in range(65):
            area = tokens * (scale[0] + (scale[1] - scale[0]) * i / 64)
            aspect = ratio[0] + (ratio[1] - ratio[0]) * j / 64
            h = min(max(round(math.sqrt(area * aspect)), 1), grid[0])
            w = min(max(round(math.sqrt(area / aspect)), 1), grid[1])
            areas.append(h * w)
    return areas


def _smallest_block(grid: Grid, scale: tuple[float, float], ratio: tuple[float, float]) -> int:
    return min(_sides(grid, scale, ratio))


def _largest_block(grid: Grid, scale: tuple[float, float], ratio: tuple[float, float]) -> int:
    return max(_sides(grid, scale, ratio))
