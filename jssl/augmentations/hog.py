"""Histograms of oriented gradients: the target of MaskFeat."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jssl.augmentations.image import as_float, planar
from jssl.augmentations.view import standardise
from jssl.core.ranges import Count, Positive, Statistics
from jssl.errors import UserError


def hog(
    image: jax.Array,
    *,
    bins: int = 9,
    cell: int = 8,
    gradient: str = "central",
    floor: float = 1e-5,
) -> jax.Array:
    """Gradient orientations in cells, each cell's histogram of unit length.

    Dalal & Triggs (2005) with blocks of one cell, on each channel, which is MaskFeat's target (Wei
    et al., 2021, section 3.2 and appendix): unsigned orientations, each gradient counted whole in
    its bin by its magnitude, then the L2 norm of the cell's bins.

    Args:
      image: [H, W, C] uint8 or float in [0, 1], any number of channels.
      bins: orientations in half a turn.
      cell: side of a cell, pixels; divides H and W.
      gradient: "central" differences, zero at the border (Dalal & Triggs; scikit-image), or
        "sobel" with reflected borders.
      floor: noise floor, a magnitude: a cell's mean magnitudes are divided by the root of the sum
        of their squares and of `floor` squared. In a cell of little more than noise the direction
        of the noise fills the histogram unless the floor is above it.

    Returns:
      float32 [H / cell, W / cell, C, bins].

    Raises:
      UserError: cells that do not tile the image, or an unknown gradient.
    """
    channels = planar(as_float(image))
    count, height, width = channels.shape
    if height % cell or width % cell:
        raise UserError(f"cells of {cell} pixels do not tile an image of {height}x{width}")
    if gradient == "central":
        dy = jnp.pad(channels[:, 2:] - channels[:, :-2], ((0, 0), (1, 1), (0, 0)))
        dx = jnp.pad(channels[:, :, 2:] - channels[:, :, :-2], ((0, 0), (0, 0), (1, 1)))
    elif gradient == "sobel":
        wide = jnp.pad(channels, ((0, 0), (1, 1), (1, 1)), mode="reflect")
        rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
        columns = wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]
        dx = rows[:, :, 2:] - rows[:, :, :-2]
        dy = columns[:, 2:] - columns[:, :-2]
    else:
        raise UserError(f"a gradient is 'central' or 'sobel', not {gradient!r}")
    # Equal pixels must give exactly nothing: a fused multiply-add leaves a residue, and its sign
    # would decide between the first bin and the last.
    dx, dy = (jnp.where(jnp.abs(d) < 1e-6, 0.0, d) for d in (dx, dy))
    size = jnp.hypot(dx, dy)
    angle = jnp.mod(jnp.arctan2(dy, dx), math.pi)
    place = jnp.minimum(jnp.floor(angle * (bins / math.pi)), bins - 1)
    votes = jnp.where(place[..., None] == jnp.arange(bins), size[..., None], 0.0)
    cells = votes.reshape(count, height // cell, cell, width // cell, cell, bins).mean((2, 4))
    norm = jnp.sqrt(jnp.sum(jnp.square(cells), axis=-1, keepdims=True) + floor**2)
    return jnp.moveaxis(cells / norm, 0, 2)


def hog_tokens(features: jax.Array, *, patch: int, cell: int = 8) -> jax.Array:
    """Groups HOG cells by patch.

    Args:
      features: float32 [H / cell, W / cell, C, bins].
      patch: side of a patch, pixels; a multiple of `cell`.
      cell: side of a cell, pixels.

    Returns:
      float32 [N, (patch / cell)^2 C bins], patches in raster order.
    """
    per = patch // cell
    rows, columns = features.shape[0] // per, features.shape[1] // per
    tiles = features.reshape(rows, per, columns, per, -1)
    return jnp.swapaxes(tiles, 1, 2).reshape(rows * columns, -1)


def with_hog(
    key: jax.Array | None,
    image: jax.Array,
    *,
    patch: Count,
    cell: Count = 8,
    bins: Count = 9,
    gradient: str = "sobel",
    stats: Statistics | None = None,
    floor: Positive = 1e-5,
) -> dict[str, jax.Array]:
    """An image and the HOG of each of its patches, for `after(view(...), with_hog)`.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1], before normalisation.
      patch: side of a patch, pixels; a multiple of `cell`.
      cell: side of a cell, pixels.
      bins: orientations in half a turn.
      gradient: see `hog`; Sobel filters are those of MaskFeat's authors' code.
      stats: (mean, std) of the normalisation of the result; None for none.
      floor: see `hog`.

    Returns:
      dict(image float32 [H, W, C], target float32 [N, (patch / cell)^2 C bins]).

    Raises:
      UserError: cells that do not tile a patch.
    """
    if patch % cell:
        raise UserError(f"cells of {cell} pixels do not tile a patch of {patch}")
    features = hog(image, bins=bins, cell=cell, gradient=gradient, floor=floor)
    target = hog_tokens(features, patch=patch, cell=cell)
    normal = standardise(stats)
    image = as_float(image)
    return {"image": image if normal is None else normal(None, image), "target": target}
