"""Augmentations for the procedural shapes: what keeps a silhouette and little else."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from jssl.augmentations.blur import gaussian_blur
from jssl.augmentations.colour import colour_jitter, grayscale, solarize
from jssl.augmentations.compose import Pipeline, Views, pipeline, repeat, sometimes
from jssl.augmentations.geometry import flip, random_resized_crop
from jssl.augmentations.tone import autocontrast
from jssl.augmentations.warp import affine


def shapes(size: int = 32) -> Views:
    """Two views `a` and `b` of `jssl.data.Shapes`, drawn alike.

    In that set neither hue, nor brightness, nor which of figure and ground is darker says anything
    of the silhouette, so all of them go or change: hue turns over the whole circle, nothing but
    grey is left, half of the images are inverted. Crops are large, because a part of a silhouette
    says little of the whole. This project's own recipe: SimCLR learns faster from it than from
    small crops in colour.

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


def shapes_moved() -> Views:
    """Two views `a` and `b` in which place, size, angle, contrast and lighting differ as well.

    Methods without negatives keep what two views share most easily: after `shapes`, the place of
    the figure and its contrast predict each other across views and the silhouette is not learned.
    Here the figure moves, turns and scales, the light falls from another side and contrast is
    stretched to the full range, so that little but the silhouette is left. This project's own.

    Returns:
      Views a, b: float32 [B, H, W, 3] in [0, 1], of the images' own size.
    """
    one = pipeline(
        grayscale,
        _relight,
        partial(affine, translate=(0.3, 0.3), degrees=(-30.0, 30.0), scale=(0.7, 1.3), fill=0.5),
        flip,
        partial(gaussian_blur, kernel=7, sigma=(0.3, 1.0)),
        autocontrast,
        sometimes(partial(solarize, threshold=0.0), 0.5),
    )
    return Views(a=one, b=one)


def shapes_moved_evaluation() -> Pipeline:
    """What an encoder trained on `shapes_moved` is shown: grey, at full contrast."""
    return pipeline(grayscale, autocontrast)


def _relight(key: jax.Array, image: jax.Array) -> jax.Array:
    """A linear gradient of brightness in a random direction, up to +-60 % at the edges."""
    turn, strength = jax.random.uniform(key, (2,)) * jnp.array([2.0 * jnp.pi, 0.6])
    height, width = image.shape[:2]
    down = (jnp.arange(height) + 0.5) * (2.0 / height) - 1.0
    across = (jnp.arange(width) + 0.5) * (2.0 / width) - 1.0
    slope = jnp.cos(turn) * across[None, :] + jnp.sin(turn) * down[:, None]
    return image * (1.0 + strength * slope)[..., None]


def shapes_evaluation() -> Pipeline:
    """What an encoder trained on these views is shown: the image in grey, nothing in it random."""
    return pipeline(grayscale)


def shapes_alone(size: int = 32) -> Pipeline:
    """One view of `jssl.data.Shapes` for methods that learn from an image alone.

    The figure in grey, half of the images inverted, so that colours need not be predicted.

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
