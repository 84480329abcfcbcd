"""Position embeddings: sine-cosine in one to three dimensions, learned, and on another grid."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Grid, Ranged
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.init import initializer

ORDERS = ("rows", "columns")
INTERPOLATIONS = ("keys", "torch", "dino", "timm")


def sincos_1d(positions: np.ndarray, dim: int, temperature: float = 10000.0) -> np.ndarray:
    """Sine-cosine embedding of positions on a line (Vaswani et al., 2017, section 3.5).

    The first half of the result holds the sines, the second the cosines, of ``position *
    temperature ** (-i / (dim / 2))`` for i = 0 ... dim / 2 - 1.

    Args:
      positions: [N], in any unit, fractional ones included.
      dim: size of the embedding, even.
      temperature: ratio of the longest wavelength to the shortest.

    Returns:
      [N, dim], float32; a constant, made on the host.

    Raises:
      UserError: if ``dim`` is odd.
    """
    if dim % 2:
        raise UserError(f"a 1-D sine-cosine embedding needs an even width, not {dim}")
    frequencies = temperature ** (-np.arange(dim // 2, dtype=np.float64) / (dim // 2))
    angles = np.asarray(positions, np.float64)[:, None] * frequencies
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def sincos_2d(
    grid: Sequence[int],
    dim: int,
    reference: Sequence[int] | None = None,
    temperature: float = 10000.0,
    order: str = "rows",
) -> np.ndarray:
    """Sine-cosine embedding of a grid: half the width for the row, half for the column.

    Args:
      grid: (rows, columns).
      dim: size of the embedding, a multiple of four.
      reference: the grid whose coordinates are used: this one is stretched over it, cell centre
        to cell centre, so that a crop at another resolution spans the same coordinates. None
        numbers the rows and columns from zero.
      temperature: see :func:`sincos_1d`.
      order: "rows" puts the row's half first (MoCo v3), "columns" the column's (MAE and I-JEPA,
        whose code says "w goes first"); the tables differ by the order of their channels.

    Returns:
      [rows * columns, dim], float32, row-major.

    Raises:
      UserError: if ``dim`` is not a multiple of four, or the order is unknown.
    """
    if order not in ORDERS:
        raise UserError(f"no order of positions is called {order!r}: {nearest(order, ORDERS)}")
    if dim % 4:
        raise UserError(f"a 2-D sine-cosine embedding needs a width divisible by 4, not {dim}")
    rows, columns = (
        (np.arange(n) + 0.5) * (m / n) - 0.5 for n, m in zip(grid, reference or grid, strict=True)
    )
    rows, columns = np.meshgrid(rows, columns, indexing="ij")
    axes = (rows, columns) if order == "rows" else (columns, rows)
    halves = [sincos_1d(axis.reshape(-1), dim // 2, temperature) for axis in axes]
    return np.concatenate(halves, axis=1)


def sincos_3d(grid: Sequence[int], dim: int) -> np.ndarray:
    """Sine-cosine embedding of frames of a grid: about a quarter for time, the rest for the place.

    Args:
      grid: (frames, rows, columns).
      dim: size of the embedding, even and at least 8; the largest multiple of four up to 3/4 of it
        is for the place (`sincos_2d`).

    Returns:
      [frames * rows * columns, dim], float32, frame after frame, each row-major.

    Raises:
      UserError: if ``dim`` is odd or too small.
    """
    if dim % 2 or dim < 8:
        raise UserError(f"a 3-D sine-cosine embedding needs an even width from 8 up, not {dim}")
    frames, rows, columns = grid
    space = dim * 3 // 16 * 4
    time = np.repeat(sincos_1d(np.arange(frames), dim - space), rows * columns, axis=0)
    return np.concatenate([time, np.tile(sincos_2d((rows, columns), space), (frames, 1))], axis=1)


def rope_2d(
    grid: Sequence[int], dim: int, periods: Sequence[float] = (), temperature: float = 100.0
) -> tuple[np.ndarray, np.ndarray]:
    """Rotary embedding of a grid as in DINOv3 (Simeoni et al., 2025, section 3.2).

    The centre of a cell has coordinates in [-1, 1] along each axis, whatever the number of cells;
    angles are 2 pi times the coordinate over each period, those of the row first.

    Args:
      grid: (rows, columns).
      dim: channels of a head, a multiple of four.
      periods: dim / 4 periods; () for ``temperature ** (4 k / dim)``.
      temperature: ratio of the longest period to the shortest, one step beyond the last.

    Returns:
      Cosine and sine [rows * columns, dim], float32, for `jssl.nn.attention.rotate`.

    Raises:
      UserError: if ``dim`` is not a multiple of four, or the number of periods is another.
    """
    if dim % 4 or len(periods) not in (0, dim // 4):
        raise UserError(
            f"rotary positions need heads of a width divisible by 4 and a quarter as many periods, "
            f"not {dim} and {len(periods)}"
        )
    periods = np.asarray(periods or temperature ** (4 * np.arange(dim // 4) / dim), np.float64)
    rows, columns = ((np.arange(n) + 0.5) / n * 2 - 1 for n in grid)
    cells = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2, 1)
    angles = np.tile((2 * np.pi * cells / periods).reshape(len(cells), -1), 2)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def interpolation_matrix(out: int, size: int, method: str) -> np.ndarray:
    """The matrix that resamples one axis of a table bicubically.

    Args:
      out: cells wanted.
      size: cells of the table.
      method: "torch", "dino" or "timm"; see :func:`interpolate`.

    Returns:
      float64 [out, size], rows sum to one.
    """
    antialias = method == "timm"
    a = -0.5 if antialias else -0.75
    # DINO adds a tenth of a cell to the wanted size, and PyTorch samples by that ratio.
    scale = size / (out + 0.1) if method == "dino" else size / out
    stretch = max(scale, 1.0) if antialias else 1.0
    centre = (np.arange(out) + 0.5) * scale - 0.5
    reach = int(np.ceil(2 * stretch)) + 1
    tap = np.floor(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)
    x = np.abs(tap - centre[:, None]) / stretch
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    weights = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    if antialias:  # the filter is cut at the border and normalised; without, the border is repeated
        weights = np.where((tap >= 0) & (tap < size), weights, 0.0)
    matrix = np.zeros((out, size))
    np.add.at(matrix, (np.arange(out)[:, None], np.clip(tap, 0, size - 1)), weights)
    return matrix / matrix.sum(axis=1, keepdims=True)


def interpolate(table: jax.Array, grid: Sequence[int], method: str = "keys") -> jax.Array:
    """Resamples a table of embeddings on another grid, bicubically.

    Args:
      table: [rows, columns, D].
      grid: the wanted (rows, columns).
      method: "keys" (`jax.image.resize` without antialiasing: a = -1/2, cut at the border);
        "torch" (`torch.nn.functional.interpolate` to a size: a = -3/4, the border repeated; MAE,
        BEiT, DINOv2 without offset); "dino" (the same, with 0.1 added to the size before the ratio
        is taken; DINO, iBOT, DINOv2); "timm" (antialiased, a = -1/2; timm and DINOv2 with
        registers).

    Returns:
      [grid[0], grid[1], D]; the table itself where the grid is its own.

    Raises:
      UserError: if there is no such method.
    """
    if method not in INTERPOLATIONS:
        raise UserError(
            f"no interpolation of positions is called {method!r}: {nearest(method, INTERPOLATIONS)}"
        )
    if table.shape[:2] == tuple(grid):
        return table
    if method == "keys":
        return jax.image.resize(table, (*grid, table.shape[-1]), "bicubic", antialias=False)
    rows, columns = (
        jnp.asarray(interpolation_matrix(out, size, method), table.dtype)
        for out, size in zip(grid, table.shape, strict=False)
    )
    product = jnp.einsum("ir,rcd->icd", rows, table, precision=jax.lax.Precision.HIGHEST)
    return jnp.einsum("jc,icd->ijd", columns, product, precision=jax.lax.Precision.HIGHEST)


class LearnedPositions(Ranged, nn.Module):
    """A learned embedding for each cell of a grid, resampled for inputs on another grid.

    Attributes:
      grid: (rows, columns) of the table; a sequence of length L is (1, L). None takes the grid of
        the input with which the parameters are made.
      interpolation: see :func:`interpolate`.
    """

    grid: Grid | None = None
    interpolation: str = "keys"

    @nn.compact
    def __call__(self, grid: Sequence[int], dim: int) -> jax.Array:
        """Embeds a grid.

        Args:
          grid: (rows, columns) of the input.
          dim: width of the embedding.

        Returns:
          [rows * columns, dim], float32.
        """
        shape = (*(self.grid or grid), dim)
        if self.has_variable("params", "table"):
            shape = self.get_variable("params", "table").shape
        table = self.param("table", initializer("trunc_normal"), shape, jnp.float32)
        return interpolate(table, grid, self.interpolation).reshape(-1, dim)
