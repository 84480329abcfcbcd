"""Mask samplers with contiguous or structured masks: blocks, groups, spans, tubes, attention.

The form of a sampler is that of masks.py, and every count is exact, so shapes are static. `grid`
is (rows, columns) of tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jssl.augmentations.masks import Mask, from_scores, hidden_count, random_mask
from jssl.core.ranges import AboveZero, Count, Extent, Grid, Inside, Spread, Unit
from jssl.errors import UserError


def block_scores(
    key: jax.Array,
    grid: Grid,
    count: Count,
    area: tuple[int, int],
    ratio: Spread,
    attempts: Count,
) -> jax.Array:
    """Covers exactly `count` tokens with random blocks; float scores [N], the highest are hidden.

    Blocks are drawn one after another: the area is uniform between area[0] and the number of
    missing tokens (at most area[1]), the log of height / width uniform. A block that fits the
    grid and does not exceed the count is kept. Remaining tokens are filled in singly.
    """
    rows, columns = grid
    low, high = math.log(ratio[0]), math.log(ratio[1])
    y, x = jnp.mgrid[:rows, :columns]

    def attempt(step: int, covered: jax.Array) -> jax.Array:
        u = jax.random.uniform(jax.random.fold_in(key, step), (4,))
        missing = count - jnp.sum(covered)
        largest = jnp.clip(missing, area[0], area[1])
        target = area[0] + (largest - area[0]) * u[0]
        aspect = jnp.exp(low + (high - low) * u[1])
        h, w = jnp.round(jnp.sqrt(target * aspect)), jnp.round(jnp.sqrt(target / aspect))
        fits = (h >= 1) & (w >= 1) & (h <= rows) & (w <= columns)
        top, left = jnp.floor(u[2] * (rows - h + 1)), jnp.floor(u[3] * (columns - w + 1))
        block = (y >= top) & (y < top + h) & (x >= left) & (x < left + w)
        union = covered | block
        return jnp.where(fits & (jnp.sum(union) <= count), union, covered)

    covered = jax.lax.fori_loop(0, attempts, attempt, jnp.zeros((rows, columns), bool))
    noise = jax.random.uniform(jax.random.fold_in(key, attempts), (rows * columns,))
    return covered.reshape(-1) + noise


def check_grid(grid: Grid) -> int:
    """The number of tokens of a grid.

    Raises:
      UserError: not (rows, columns).
    """
    if len(grid) != 2 or min(grid) < 1:
        raise UserError(f"a grid of tokens is (rows, columns), not {grid}")
    return grid[0] * grid[1]


def unit_mask(
    key: jax.Array,
    example: object = None,
    *,
    grid: Grid,
    unit: Count = 2,
    ratio: Inside = 0.6,
) -> Mask:
    """Hides squares of a coarser grid, chosen uniformly (SimMIM: Xie et al., 2022, section 3.2).

    Args:
      key: PRNG key.
      example: not used.
      grid: (rows, columns) of tokens.
      unit: side of a square in tokens, dividing both; SimMIM: 32 pixels, 2 tokens of 16.
      ratio: share to hide.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]).

    Raises:
      UserError: squares that do not tile the grid.
    """
    tokens = check_grid(grid)
    if grid[0] % unit or grid[1] % unit:
        raise UserError(f"squares of {unit}x{unit} tokens do not tile a grid of {grid}")
    rows, columns = grid[0] // unit, grid[1] // unit
    coarse = random_mask(key, tokens=rows * columns, ratio=ratio)["mask"].reshape(rows, columns)
    fine = jnp.repeat(jnp.repeat(coarse, unit, axis=0), unit, axis=1).reshape(tokens)
    return from_scores(fine.astype(jnp.float32), hidden_count(rows * columns, ratio) * unit**2)


def block_mask(
    key: jax.Array,
    example: object = None,
    *,
    grid: Grid,
    ratio: Inside = 0.4,
    smallest: Count = 16,
    aspect: AboveZero = 0.3,
    attempts: Count = 64,
) -> Mask:
    """Hides blocks until the ratio is met (BEiT: Bao et al., 2021, algorithm 1).

    Args:
      key: PRNG key.
      example: not used.
      grid: (rows, columns) of tokens.
      ratio: share to hide.
      smallest: tokens in a block at least.
      aspect: height / width lies in [aspect, 1 / aspect].
      attempts: blocks tried. BEiT stops early if no further block fits; here single tokens are
        added, so that the count is exact.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]).
    """
    tokens = check_grid(grid)
    count = hidden_count(tokens, ratio)
    smallest = min(smallest, count)
    scores = block_scores(key, grid, count, (smallest, count), (aspect, 1 / aspect), attempts)
    return from_scores(scores, count)


def inverse_block_mask(
    key: jax.Array,
    example: object = None,
    *,
    grid: Grid,
    ratio: Inside = 0.8,
    smallest: Count = 9,
    aspect: AboveZero = 0.5,
    attempts: Count = 64,
) -> Mask:
    """Keeps blocks and hides the rest (data2vec 2.0: Baevski et al., 2022, section 3.3).

    The result is that of `block_mask`; the blocks are what stays.

    Args:
      key: PRNG key.
      example: not used.
      grid: (rows, columns) of tokens.
      ratio: share to mask.
      smallest: tokens in a block at least.
      aspect: height / width lies in [aspect, 1 / aspect].
      attempts: blocks tried.
    """
    tokens = check_grid(grid)
    kept = tokens - hidden_count(tokens, ratio)
    smallest = min(smallest, kept)
    scores = block_scores(key, grid, kept, (smallest, kept), (aspect, 1 / aspect), attempts)
    return from_scores(-scores, tokens - kept)


def group_mask(
    key: jax.Array,
    example: object = None,
    *,
    grid: Grid,
    ratio: Inside = 0.7,
    group: Extent = (2, 16),
    attempts: Count = 128,
) -> Mask:
    """Hides many small groups of connected tokens (GMML: Atito et al., 2022, section 3.1).

    Args:
      key: PRNG key.
      example: not used.
      grid: (rows, columns) of tokens.
      ratio: share to hide.
      group: least and largest number of tokens in a group; groups may touch.
      attempts: groups tried; remaining tokens are added singly.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]).
    """
    count = hidden_count(check_grid(grid), ratio)
    return from_scores(block_scores(key, grid, count, group, (0.3, 1 / 0.3), attempts), count)


def span_mask(
    key: jax.Array,
    example: object = None,
    *,
    tokens: Count,
    ratio: Inside = 0.5,
    length: Count = 10,
) -> Mask:
    """Hides spans of a sequence (wav2vec 2.0: Baevski et al., 2020, section 3.1), exactly counted.

    Starts are uniform and spans may overlap; the last span is truncated to reach the exact count.

    Args:
      key: PRNG key.
      example: not used.
      tokens: N, length of the sequence.
      ratio: share to hide.
      length: tokens in a span.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]).

    Raises:
      UserError: a span longer than the sequence.
    """
    if not 1 <= length <= tokens:
        raise UserError(f"a span of {length} does not fit a sequence of {tokens}")
    count = hidden_count(tokens, ratio)
    # Every start has a rank; a token is as urgent as the most urgent span over it, and within a
    # span the front comes first, so a cut span stays connected.
    rank = jnp.argsort(jax.random.uniform(key, (tokens - length + 1,)))
    urgency = jnp.full((tokens,), -1)
    for k in range(length):
        moved = jnp.full((tokens,), -1).at[k : k + rank.shape[0]].set(rank)
        urgency = jnp.maximum(urgency, moved)
    return from_scores(urgency - jnp.arange(tokens) / tokens, count)


def tube_mask(
    key: jax.Array, example: object = None, *, frames: Count, tokens: Count, ratio: Inside = 0.9
) -> Mask:
    """Hides the same tokens in every frame (VideoMAE: Tong et al., 2022, section 3.2).

    Args:
      key: PRNG key.
      example: not used.
      frames: T.
      tokens: N, tokens in a frame.
      ratio: share to hide.

    Returns:
      dict(mask bool [T N], keep int32 [T K], masked int32 [T (N - K)]), frame after frame.
    """
    one = from_scores(jax.random.uniform(key, (tokens,)), hidden_count(tokens, ratio))
    start = jnp.arange(frames, dtype=jnp.int32)[:, None] * tokens
    return {
        "mask": jnp.tile(one["mask"], frames),
        "keep": (start + one["keep"]).reshape(-1),
        "masked": (start + one["masked"]).reshape(-1),
    }


def attention_mask(
    key: jax.Array,
    scores: jax.Array | Mapping[str, jax.Array],
    *,
    ratio: Inside = 0.5,
    hide: str = "high",
    shown: Unit = 0.0,
    field: str = "attention",
) -> Mask:
    """Hides tokens by an attention map (AttMask: Kakogeorgiou et al., 2022, section 3.2).

    Args:
      key: PRNG key, for `shown` and for ties.
      scores: float [N], such as the teacher's class-token attention averaged over heads; or an
        example that holds it under `field`.
      ratio: share to hide.
      hide: "high" hides the most attended tokens (AttMask-High), "low" the least (AttMask-Low,
        and hard-instance mining, which hides the easy ones where high means hard).
      shown: share of the tokens to be masked that is randomly left visible, while the same number
        of other tokens is masked (AttMask-Hint for "high").
      field: where an example holds the scores.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]).

    Raises:
      UserError: an unknown choice of `hide`, a share outside [0, 1), or an example without scores.
    """
    if hide not in ("high", "low") or not 0 <= shown < 1:
        raise UserError(
            f"attention hides 'high' or 'low' and shows a share below 1, not {hide!r}, {shown}"
        )
    if isinstance(scores, Mapping):
        if field not in scores:
            raise UserError(f"attention_mask reads {field!r} and the example has no such field")
        scores = scores[field]
    tokens = scores.shape[0]
    count = hidden_count(tokens, ratio)
    ties, hint = jax.random.split(key)
    order = jnp.lexsort(
        (jax.random.uniform(ties, (tokens,)), scores if hide == "high" else -scores)
    )
    rank = jnp.zeros((tokens,)).at[order].set(jnp.arange(tokens, dtype=jnp.float32))
    spared = int(count * shown)
    if spared:
        urgent = rank >= tokens - count
        draw = jnp.where(urgent, jax.random.uniform(hint, (tokens,)), 2.0)
        lucky = jnp.argsort(draw)[:spared]
        rank = rank.at[lucky].set(-1.0)
    return from_scores(rank, count)
