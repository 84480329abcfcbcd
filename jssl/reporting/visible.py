"""Images of any number of channels as something to look at."""

from __future__ import annotations

import numpy as np


def visible(images: np.ndarray) -> np.ndarray:
    """Images as grey or RGB in [0, 1].

    Args:
      images: [..., H, W, C], uint8 or float in [0, 1]. With 2 channels their mean is shown, with 4
        and more the first three as red, green and blue.

    Returns:
      float32 [..., H, W, 1 or 3].
    """
    images = np.asarray(images)
    values = images.astype(np.float32) / (255.0 if images.dtype == np.uint8 else 1.0)
    if values.shape[-1] == 2:
        values = values.mean(axis=-1, keepdims=True)
    return np.clip(values[..., : 3 if values.shape[-1] > 3 else None], 0.0, 1.0)


def shown_as(channels: int) -> str:
    """How `visible` shows images, as the end of a caption; "" for grey and RGB."""
    if channels in (1, 3):
        return ""
    what = "the mean of both" if channels == 2 else "channels 1 to 3 as red, green and blue"
    return f" Of {channels} channels, {what} are shown." if channels > 2 else f" Shown: {what}."
