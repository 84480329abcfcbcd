"""Encoded images to uint8 arrays of one size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def decode(file: Path | bytes, size: int | None, channels: int) -> np.ndarray:
    """Decodes one image; with a size, the shorter side is brought to it and the centre kept.

    JPEGs far larger than needed are decoded at a lower resolution first, but never below twice
    the size asked for.

    Args:
      file: a path or the encoded bytes.
      size: height and width of the result in pixels; None keeps the image as it is.
      channels: 3 for RGB, 1 for grey.

    Returns:
      uint8 [H, W, channels].

    Raises:
      OSError: and its kin, when the image cannot be decoded.
    """
    mode = "RGB" if channels == 3 else "L"
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
        if size is not None:
            image.draft(mode, (2 * size, 2 * size))
        pixels = image.convert(mode)
    return to_array(pixels, size, channels)


def to_array(pixels: Image.Image, size: int | None, channels: int) -> np.ndarray:
    """A decoded image as uint8 [H, W, channels]; see `decode`.

    Args:
      pixels: in the mode RGB or L that `channels` asks for.
      size: height and width of the result in pixels; None keeps the image as it is.
      channels: 3 or 1.
    """
    if size is not None and pixels.size != (size, size):
        width, height = pixels.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
        pixels = pixels.resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(pixels, dtype=np.uint8).reshape(*pixels.size[::-1], channels)
