"""One view in the form that nearly all recipes share."""

from __future__ import annotations

from functools import partial

from jssl.augmentations.blur import gaussian_blur
from jssl.augmentations.colour import IMAGENET, colour_jitter, grayscale, normalise, solarize
from jssl.augmentations.compose import Pipeline, pipeline, sometimes
from jssl.augmentations.geometry import flip, random_resized_crop
from jssl.core.ranges import Statistics


def standardise(stats: Statistics | None) -> partial | None:
    """Normalisation by (mean, std), or nothing."""
    return None if stats is None else partial(normalise, mean=stats[0], std=stats[1])


def view(
    size: int,
    *,
    scale: tuple[float, float] = (0.08, 1.0),
    method: str = "bicubic",
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    jitter_p: float = 0.8,
    gray_p: float = 0.2,
    blur_p: float = 0.0,
    kernel: int | str | None = None,
    sigma: tuple[float, float] = (0.1, 2.0),
    solarize_p: float = 0.0,
    flip_p: float = 0.5,
    stats: Statistics | None = IMAGENET,
) -> Pipeline:
    """The pipeline of nearly all joint-embedding recipes, with operations in the usual order.

    Args:
      size: output side, pixels.
      scale: range of the crop's share of the area.
      method: resampling, "bilinear" or "bicubic".
      jitter: strengths of brightness, contrast, saturation, hue.
      jitter_p: probability of colour jitter; likewise the other `_p`.
      gray_p: of greyscale.
      blur_p: of Gaussian blur.
      kernel: taps of the blur: None as sigma needs, "tenth" of the side, or a number; see
        `gaussian_blur`.
      sigma: range of the blur's width, pixels.
      solarize_p: of solarization at 0.5.
      flip_p: of a horizontal flip.
      stats: (mean, std) of the normalisation; None leaves it out.

    Returns:
      Pipeline.
    """
    names = ("brightness", "contrast", "saturation", "hue")
    shake = partial(colour_jitter, **dict(zip(names, jitter, strict=True)))
    return pipeline(
        partial(random_resized_crop, size=size, scale=scale, method=method),
        partial(flip, p=flip_p) if flip_p else None,
        sometimes(shake, jitter_p) if any(jitter) else None,
        sometimes(grayscale, gray_p),
        sometimes(partial(gaussian_blur, kernel=kernel, sigma=sigma), blur_p),
        sometimes(solarize, solarize_p),
        standardise(stats),
    )
