"""Transformations that are their own label: rotation, jigsaw, LoRot, channel permutation.

Each is f(key, image, *, ...) -> dict(image, label int32 ()). As a view:
`Views(task=after(pipeline(...), rotate_labelled))`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.colour import normalise_image
from jssl.augmentations.compose import Pipeline, describe
from jssl.augmentations.image import as_float, require_rgb
from jssl.augmentations.warp import turn_square
from jssl.core.ranges import Natural, Several
from jssl.errors import UserError

Labelled = dict[str, jax.Array]


@dataclass(frozen=True)
class After:
    """A pipeline followed by an operation that returns a dict; see `after`."""

    first: Pipeline
    operation: Callable[..., Labelled]

    def __call__(self, key: jax.Array, example: Mapping[str, jax.Array]) -> Labelled:
        before, then = jax.random.split(key)
        return self.operation(then, self.first(before, example))

    def __repr__(self) -> str:
        return f"after({self.first!r}, {describe(self.operation)})"


def after(first: Pipeline, operation: Callable[..., Labelled]) -> Callable[..., Labelled]:
    """An entry of Views: a pipeline, then a labelled transformation of its result."""

    return After(first, operation)


def rotate_labelled(key: jax.Array, image: jax.Array) -> Labelled:
    """Rotates by 0, 90, 180 or 270 degrees (RotNet: Gidaris et al., 2018).

    Args:
      key: PRNG key.
      image: [H, H, C] uint8 or float.

    Returns:
      dict(image float32 [H, H, C], label int32 in 0 to 3, quarter turns counter-clockwise).
    """
    turns = jax.random.randint(key, (), 0, 4)
    return {"image": turn_square(as_float(image), turns), "label": turns}


def rotate_all(key: jax.Array | None, image: jax.Array) -> Labelled:
    """All four rotations of an image (RotNet: Gidaris et al., 2018, section 3.1).

    Args:
      key: not used; may be None.
      image: [H, H, C] uint8 or float.

    Returns:
      dict(image float32 [4, H, H, C], label int32 [4], quarter turns counter-clockwise).
    """
    turns = jnp.arange(4, dtype=jnp.int32)
    image = as_float(image)
    return {"image": jnp.stack([turn_square(image, k) for k in range(4)]), "label": turns}


def lorot(key: jax.Array, image: jax.Array) -> Labelled:
    """Rotates one quadrant (LoRot-E: Moon et al., 2022, section 3.2).

    Args:
      key: PRNG key.
      image: [H, H, C] uint8 or float, H even.

    Returns:
      dict(image float32 [H, H, C], label int32 in 0 to 15, 4 times the quadrant in raster order
      plus the quarter turns).

    Raises:
      UserError: sides that are odd or differ.
    """
    image = as_float(image)
    height, width = image.shape[:2]
    if height != width or height % 2:
        raise UserError(f"LoRot takes a square of even side, not {height}x{width}")
    half = height // 2
    label = jax.random.randint(key, (), 0, 16)
    row, column = label // 8 * half, label // 4 % 2 * half
    part = jax.lax.dynamic_slice(image, (row, column, 0), (half, half, image.shape[2]))
    turned = turn_square(part, label % 4)
    return {"image": jax.lax.dynamic_update_slice(image, turned, (row, column, 0)), "label": label}


@functools.lru_cache
def jigsaw_permutations(count: int = 100, tiles: int = 9, seed: int = 0) -> np.ndarray:
    """A set of permutations far from each other (Noroozi & Favaro, 2016, algorithm 1).

    The first is drawn; each next one has the largest mean Hamming distance to those chosen, among
    all permutations, or among 20000 drawn ones where there are more.

    Args:
      count: permutations.
      tiles: length of each.
      seed: of the draws.

    Returns:
      int32 [count, tiles], read-only.

    Raises:
      UserError: more permutations than there are.
    """
    rng = np.random.default_rng(seed)
    if tiles <= 7:
        pool = np.array(list(itertools.permutations(range(tiles))), np.int32)
    else:
        pool = np.unique(
            rng.permuted(np.tile(np.arange(tiles, dtype=np.int32), (20000, 1)), axis=1), axis=0
        )
    if not 0 < count <= len(pool):
        raise UserError(f"{tiles} tiles give {len(pool)} candidate permutations, not {count}")
    chosen = [int(rng.integers(len(pool)))]
    distance = np.zeros(len(pool))
    while len(chosen) < count:
        distance += (pool != pool[chosen[-1]]).mean(1)
        distance[chosen] = -np.inf
        chosen.append(int(np.argmax(distance)))
    result = pool[chosen]
    result.flags.writeable = False
    return result


def jigsaw(
    key: jax.Array, image: jax.Array, *, grid: Several = 3, permutations: Several = 100
) -> Labelled:
    """Shuffles the tiles of an image by one of a fixed set of permutations.

    (Noroozi & Favaro, 2016.) Tile k of the result is tile permutation[k] of the image, both in
    raster order. The tiles touch; gaps between them require a crop of each tile, which is left to
    the method.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float; `grid` divides H and W.
      grid: tiles along a side.
      permutations: size of the set (`jigsaw_permutations(permutations, grid²)`).

    Returns:
      dict(image float32 [H, W, C], label int32, the permutation's number).

    Raises:
      UserError: tiles that do not tile.
    """
    image = as_float(image)
    height, width, channels = image.shape
    if height % grid or width % grid:
        raise UserError(f"a grid of {grid}x{grid} tiles does not divide {height}x{width} pixels")
    h, w = height // grid, width // grid
    table = jnp.asarray(jigsaw_permutations(permutations, grid * grid))
    label = jax.random.randint(key, (), 0, permutations)
    tiles = image.reshape(grid, h, grid, w, channels).swapaxes(1, 2).reshape(-1, h, w, channels)
    shuffled = tiles[table[label]].reshape(grid, grid, h, w, channels).swapaxes(1, 2)
    return {"image": shuffled.reshape(height, width, channels), "label": label}


def jigsaw_tiles(
    key: jax.Array,
    image: jax.Array,
    *,
    grid: Several = 3,
    permutations: Several = 1000,
    gap: Natural = 11,
) -> Labelled:
    """Shuffled tiles, each cropped at random and normalised by its own pixels.

    (Noroozi & Favaro, 2016, section 3.2 and 3.4: tiles of 64 in cells of 75 pixels; crop and
    normalisation take away edges that continue and statistics that neighbours share.)

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float; `grid` divides H and W.
      grid: tiles along a side.
      permutations: size of the set.
      gap: pixels by which a tile is smaller than its cell.

    Returns:
      dict(image float32 [grid^2, h, w, C], label int32, the permutation's number).

    Raises:
      UserError: tiles that do not tile, or that the gap leaves nothing of.
    """
    shuffle, crop = jax.random.split(key)
    result = jigsaw(shuffle, image, grid=grid, permutations=permutations)
    height, width, channels = image.shape
    h, w = height // grid, width // grid
    if not 0 <= gap < min(h, w):
        raise UserError(f"a gap of {gap} pixels leaves nothing of a cell of {h}x{w}")
    cells = result["image"].reshape(grid, h, grid, w, channels).swapaxes(1, 2)
    cells = cells.reshape(grid * grid, h, w, channels)
    corners = jax.random.randint(crop, (grid * grid, 2), 0, gap + 1)

    def cut(cell: jax.Array, corner: jax.Array) -> jax.Array:
        tile = jax.lax.dynamic_slice(cell, (*corner, 0), (h - gap, w - gap, channels))
        return normalise_image(None, tile)

    return {"image": jax.vmap(cut)(cells, corners), "label": result["label"]}


def permute_rgb(key: jax.Array, image: jax.Array) -> Labelled:
    """Permutes the colour channels (SLA: Lee et al., 2020, section 4).

    Args:
      key: PRNG key.
      image: [H, W, 3] uint8 or float.

    Returns:
      dict(image float32 [H, W, 3], label int32 in 0 to 5, the permutation in lexical order).

    Raises:
      UserError: not 3 channels.
    """
    image = as_float(image)
    require_rgb(image.shape[-1], "a channel permutation")
    table = jnp.asarray(list(itertools.permutations(range(3))))
    label = jax.random.randint(key, (), 0, 6)
    return {"image": jnp.take(image, table[label], axis=-1), "label": label}
