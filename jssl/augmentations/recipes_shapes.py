"""Augmentations for the procedural shapes: what keeps a silhouette and little else."""

from __future__ import annotations

from functools import partial

from jssl.augmentations.blur import gaussian_blur
from jssl.augmentations.colour import colour_jitter, grayscale, solarize
from jssl.augmentations.compose import Pipeline, Views, pipeline, repeat, sometimes
from jssl.augmentations.geometry import flip, random_resized_crop


def shapes(size: int = 32) -> Views:
    """Two views `a` and `b` of `jssl.data.Shapes`, drawn alike.

    In that set neither hue, nor brightness, nor which of figure and ground is darker says anything
    of the silhouette, so all of them change: hue over the whole circle, half of the images
    inverted; blur takes the fine textures away. This project's own recipe.

    Args:
      size: output side, pixels.

    Returns:
      Views a, b: float32 [B, size, size, 3] in [0, 1].
    """
    one = _view(size, (0.4, 1.0))
    return Views(a=one, b=one)


def shapes_multicrop(size: int = 32, *, local: int = 16, crops: int = 4) -> Views:
    """`shapes`, and small crops of less of the image: `local` [B, crops, local, local, 3].

    Args:
      size: output side of `a` and `b`, pixels.
      local: output side of the small crops, pixels.
      crops: number of small crops.

    Returns:
      Views a, b, local, float32 in [0, 1].
    """
    one = _view(size, (0.4, 1.0))
    return Views(a=one, b=one, local=repeat(_view(local, (0.15, 0.4)), crops))


def _view(size: int, scale: tuple[float, float]) -> Pipeline:
    return pipeline(
        partial(random_resized_crop, size=size, scale=scale, method="bilinear"),
        flip,
        partial(colour_jitter, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.5),
        sometimes(partial(solarize, threshold=0.0), 0.5),
        sometimes(grayscale, 0.2),
        sometimes(partial(gaussian_blur, kernel=7, sigma=(0.5, 2.0)), 0.5),
    )
