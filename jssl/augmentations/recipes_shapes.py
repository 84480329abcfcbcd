"""Augmentations for the procedural shapes, which preserve little besides the silhouette."""

from __future__ import annotations

from functools import partial

from jssl.augmentations.colour import colour_jitter, grayscale, solarize
from jssl.augmentations.compose import Pipeline, Views, pipeline, repeat, sometimes
from jssl.augmentations.geometry import flip, random_resized_crop


def shapes(size: int = 32) -> Views:
    """Two views `a` and `b` of `jssl.data.Shapes`, drawn alike.

    In that data set hue, brightness and the contrast of figure and background are independent of
    the silhouette, so all of them are removed or randomised: hue is rotated over the whole circle,
    images are converted to grey, and half of them are inverted. Crops are large, because a part of
    a silhouette contains little information about the whole. This project's own recipe: SimCLR
    learns faster from it than from small crops in colour.

    Args:
      size: output side, pixels.

    Returns:
      Views a, b: float32 [B, size, size, 3] in [0, 1].
    """
    one = _view(size, (0.7, 1.0))
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
    one = _view(size, (0.7, 1.0))
    return Views(a=one, b=one, local=repeat(_view(local, (0.3, 0.7)), crops))


def shapes_evaluation() -> Pipeline:
    """What an encoder trained on these views is shown: the image in grey, nothing in it random."""
    return pipeline(grayscale)


def shapes_alone(size: int = 32) -> Pipeline:
    """One view of `jssl.data.Shapes` for methods that learn from an image alone.

    Images are grey, and half of them inverted, so that colours need not be predicted.

    Args:
      size: output side, pixels.

    Returns:
      Pipeline, example -> float32 [size, size, 3] in [0, 1].
    """
    return pipeline(
        partial(random_resized_crop, size=size, scale=(0.7, 1.0), method="bilinear"),
        flip,
        grayscale,
        sometimes(partial(solarize, threshold=0.0), 0.5),
    )


def _view(size: int, scale: tuple[float, float]) -> Pipeline:
    return pipeline(
        partial(random_resized_crop, size=size, scale=scale, method="bilinear"),
        flip,
        partial(colour_jitter, brightness=0.6, contrast=0.6, saturation=0.0, hue=0.5),
        grayscale,
        sometimes(partial(solarize, threshold=0.0), 0.5),
    )
