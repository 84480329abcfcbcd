"""Images as sequences of patches and back."""

from __future__ import annotations

from collections.abc import Sequence

import jax

from jssl.errors import UserError


def patch_grid(size: int | Sequence[int], patch: int) -> tuple[int, int]:
    """Counts the patches along each side.

    Args:
      size: (H, W) in pixels, or one number for a square.
      patch: side of a patch in pixels.

    Returns:
      (rows, columns).

    Raises:
      UserError: if the patch does not divide the image.
    """
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    if height % patch or width % patch:
        raise UserError(
            f"an image of {height}x{width} pixels cannot be cut into patches of {patch}x{patch}: "
            f"both sides must be multiples of {patch}"
        )
    return height // patch, width // patch


def patchify(images: jax.Array, patch: int) -> jax.Array:
    """Cuts images into patches, row by row.

    Args:
      images: [B, H, W, C].
      patch: side of a patch in pixels, dividing H and W.

    Returns:
      [B, N, patch * patch * C], N = (H / patch) * (W / patch), each patch in (row, column,
      channel) order.

    Raises:
      UserError: if the patch does not divide the image.
    """
    batch, height, width, channels = images.shape
    rows, columns = patch_grid((height, width), patch)
    x = images.reshape(batch, rows, patch, columns, patch, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * columns, patch * patch * channels)


def unpatchify(patches: jax.Array, patch: int, grid: Sequence[int]) -> jax.Array:
    """Puts patches together again: the inverse of :func:`patchify`.

    Args:
      patches: [B, rows * columns, patch * patch * C].
      patch: side of a patch in pixels.
      grid: (rows, columns).

    Returns:
      [B, rows * patch, columns * patch, C].
    """
    rows, columns = grid
    batch, _, size = patches.shape
    channels = size // (patch * patch)
    x = patches.reshape(batch, rows, columns, patch, patch, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows * patch, columns * patch, channels)
