"""Position embeddings: sine-cosine in one to three dimensions, learned, and on another grid."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jssl.errors import UserError


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
) -> np.ndarray:
    """Sine-cosine embedding of a grid: half the width for the row, half for the column.

    Args:
      grid: (rows, columns).
      dim: size of the embedding, a multiple of four.
      reference: the grid whose coordinates are used: this one is stretched over it, cell centre
        to cell centre, so that a crop at another resolution spans the same coordinates. None
        numbers the rows and columns from zero.
      temperature: see :func:`sincos_1d`.

    Returns:
      [rows * columns, dim], float32, row-major.

    Raises:
      UserError: if ``dim`` is not a multiple of four.
    """
    if dim % 4:
        raise UserError(f"a 2-D sine-cosine embedding needs a width divisible by 4, not {dim}")
    rows, columns = (
        (np.arange(n) + 0.5) * (m / n) - 0.5 for n, m in zip(grid, reference or grid, strict=True)
    )
    rows, columns = np.meshgrid(rows, columns, indexing="ij")
    halves = [sincos_1d(axis.reshape(-1), dim // 2, temperature) for axis in (rows, columns)]
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


def interpolate(table: jax.Array, grid: Sequence[int]) -> jax.Array:
    """Resamples a table of embeddings on another grid, bicubically and without antialiasing.

    Args:
      table: [rows, columns, D].
      grid: the wanted (rows, columns).

    Returns:
      [grid[0], grid[1], D]; the table itself where the grid is its own.
    """
    if table.shape[:2] == tuple(grid):
        return table
    return jax.image.resize(table, (*grid, table.shape[-1]), "bicubic", antialias=False)


class LearnedPositions(nn.Module):
    """A learned embedding for each cell of a grid, resampled for inputs on another grid.

    Attributes:
      grid: (rows, columns) of the table; a sequence of length L is (1, L). None takes the grid of
        the input with which the parameters are made.
    """

    grid: tuple[int, int] | None = None

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
        table = self.param("table", nn.initializers.truncated_normal(0.02), shape, jnp.float32)
        return interpolate(table, grid).reshape(-1, dim)
