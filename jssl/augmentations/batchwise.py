"""Operations on a whole batch: mixup, CutMix, patch mix, one style for all.

Each is f(key, views, *, ...) -> views on the dict that `Views` makes, for its `batch` argument:
`Views(a=..., batch=(partial(mixup, names=("a",)),))`. They mix examples, so their result depends on
the batch; a description of the mixing is added to the views under the operation's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jssl.augmentations.spectrum import exchange_style
from jssl.core.ranges import Count, Grid, Positive, Unit
from jssl.errors import UserError, nearest

Dict = dict[str, Any]


def _images(views: Dict, names: Sequence[str]) -> list[jax.Array]:
    for name in names:
        if name not in views:
            raise UserError(f"no view {name!r} to mix; {nearest(name, views)}")
        if getattr(views[name], "ndim", 0) != 4:
            raise UserError(f"view {name!r} is not a batch of images [B, H, W, C]")
    return [views[name] for name in names]


def mixup(
    key: jax.Array, views: Dict, *, names: Sequence[str] = ("a",), alpha: Positive = 1.0
) -> Dict:
    """Blends each image with another of the batch (Zhang et al., 2017, equation 1).

    Args:
      key: PRNG key.
      views: dict of [B, ...].
      names: views to mix, all with the same partners and shares.
      alpha: of the Beta(alpha, alpha) the share is drawn from, one for each example.

    Returns:
      The views, `names` replaced, and mixup=dict(partner int32 [B], share float32 [B], the share
      an image keeps).
    """
    images = _images(views, names)
    size = images[0].shape[0]
    order, amount = jax.random.split(key)
    partner = jax.random.permutation(order, size)
    share = jax.random.beta(amount, alpha, alpha, (size,))
    weight = share[:, None, None, None]
    mixed = {n: x * weight + x[partner] * (1 - weight) for n, x in zip(names, images, strict=True)}
    return views | mixed | {"mixup": {"partner": partner.astype(jnp.int32), "share": share}}


def cutmix(
    key: jax.Array, views: Dict, *, names: Sequence[str] = ("a",), alpha: Positive = 1.0
) -> Dict:
    """Pastes a rectangle of another image of the batch (Yun et al., 2019, equations 1 and 2).

    Args:
      key: PRNG key.
      views: dict of [B, ...].
      names: views to mix, all with the same partners and rectangles.
      alpha: of the Beta(alpha, alpha) the kept share is drawn from, one for each example.

    Returns:
      The views, `names` replaced, and cutmix=dict(partner int32 [B], share float32 [B], the share
      of the area an image keeps, after the rectangle is cut at the border).
    """
    images = _images(views, names)
    size, height, width = images[0].shape[:3]
    order, amount, place = jax.random.split(key, 3)
    partner = jax.random.permutation(order, size)
    side = jnp.sqrt(1 - jax.random.beta(amount, alpha, alpha, (size,)))
    centre = jax.random.uniform(place, (size, 2))

    def span(length: int, middle: jax.Array) -> tuple[jax.Array, jax.Array]:
        half, at = jnp.floor(length * side) // 2, jnp.floor(middle * length)
        return jnp.clip(at - half, 0, length), jnp.clip(at + half, 0, length)

    (top, bottom), (left, right) = span(height, centre[:, 0]), span(width, centre[:, 1])
    rows, columns = jnp.arange(height)[None, :, None], jnp.arange(width)[None, None, :]

    def edge(x: jax.Array) -> jax.Array:
        return x[:, None, None]

    hole = (rows >= edge(top)) & (rows < edge(bottom))
    hole &= (columns >= edge(left)) & (columns < edge(right))
    share = 1 - (bottom - top) * (right - left) / (height * width)
    mixed = {
        n: jnp.where(hole[..., None], x[partner], x) for n, x in zip(names, images, strict=True)
    }
    return views | mixed | {"cutmix": {"partner": partner.astype(jnp.int32), "share": share}}


def patch_mix(
    key: jax.Array,
    views: Dict,
    *,
    names: Sequence[str] = ("a",),
    patch: Count = 16,
    images: Count = 4,
) -> Dict:
    """Makes each image of the patches of several (MixedAE: Chen et al., 2023, section 3.2).

    Each result takes an equal number of patches from `images` consecutive images of the batch, each
    patch at its own position.

    Args:
      key: PRNG key.
      views: dict of [B, ...].
      names: views to mix, all alike.
      patch: side of a patch, pixels.
      images: number of images that are combined; divides the number of patches.

    Returns:
      The views, `names` replaced, and patch_mix=dict(source int32 [B, N], the batch position each
      patch comes from).

    Raises:
      UserError: the patches do not tile the image, or `images` does not divide their number.
    """
    given = _images(views, names)
    size, height, width = given[0].shape[:3]
    if height % patch or width % patch:
        raise UserError(f"patches of {patch} pixels do not tile images of {height}x{width}")
    rows, columns = height // patch, width // patch
    tokens = rows * columns
    if tokens % images or images > size:
        raise UserError(
            f"{images} images cannot share {tokens} patches evenly in a batch of {size}"
        )
    scores = jax.random.uniform(key, (size, tokens))
    rank = jnp.argsort(jnp.argsort(scores, axis=1), axis=1)
    offset = rank // (tokens // images)
    source = ((jnp.arange(size)[:, None] + offset) % size).astype(jnp.int32)
    grid = offset.reshape(size, rows, columns)
    pixels = jnp.repeat(jnp.repeat(grid, patch, axis=1), patch, axis=2)[..., None]

    def mix(x: jax.Array) -> jax.Array:
        result = x
        for k in range(1, images):
            result = jnp.where(pixels == k, jnp.roll(x, -k, axis=0), result)
        return result

    mixed = {n: mix(x) for n, x in zip(names, given, strict=True)}
    return views | mixed | {"patch_mix": {"source": source}}


def standardise_style(
    key: jax.Array, views: Dict, *, names: Sequence[str] = ("a", "b"), share: Unit = 0.05
) -> Dict:
    """Gives all images of a view the style of one of them (batch styles standardization).

    The low-frequency amplitudes of the spectrum are those of one image of the batch, drawn anew
    for each view (Scalbert et al., 2023, section 3).

    Args:
      key: PRNG key.
      views: dict of [B, ...].
      names: views to treat, each with its own style.
      share: half the side of the exchanged square as a share of the shorter side.

    Returns:
      The views, `names` replaced, and standardise_style=dict(source int32 [len(names)]).
    """
    images = _images(views, names)
    chosen = jax.random.randint(key, (len(names),), 0, images[0].shape[0])
    styled = {
        n: jax.vmap(lambda x, style: exchange_style(x, style, share=share), (0, None))(
            x, x[chosen[i]]
        )
        for i, (n, x) in enumerate(zip(names, images, strict=True))
    }
    return views | styled | {"standardise_style": {"source": chosen}}


def corrupt_groups(
    key: jax.Array,
    views: Dict,
    *,
    grid: Grid,
    name: str = "image",
    noise: str = "noise",
    alien: str = "alien",
    alien_p: Unit = 0.5,
) -> Dict:
    """Replaces the masked tokens by noise, or by those of another image (GMML).

    (Atito et al., 2022; as in the authors' code an image is corrupted in one of the two ways, each
    with a mask of its own.) The other image is the neighbour in the batch.

    Args:
      key: PRNG key.
      views: `name` float [B, H, W, C]; `noise` and `alien` masks, {"mask" bool [B, N]}.
      grid: (rows, columns) of tokens; divides H and W.
      name: view to corrupt.
      noise: mask for normal noise.
      alien: mask for another image.
      alien_p: probability that an image is corrupted by another.

    Returns:
      The views with `name` corrupted, "original", the unchanged view, and "mask" bool [B, N], True
      where a token was replaced; without the two masks.

    Raises:
      UserError: a view that is not there, or tokens that do not tile it.
    """
    (image,) = _images(views, (name,))
    batch, height, width, _ = image.shape
    if height % grid[0] or width % grid[1]:
        raise UserError(f"a grid of {grid} tokens does not tile {height}x{width} pixels")
    coin, draw = jax.random.split(key)
    by_alien = jax.random.bernoulli(coin, alien_p, (batch,))
    mask = jnp.where(by_alien[:, None], views[alien]["mask"], views[noise]["mask"])
    pixels = mask.reshape(batch, *grid)
    for axis, size in ((1, height // grid[0]), (2, width // grid[1])):
        pixels = jnp.repeat(pixels, size, axis=axis)
    other = jnp.roll(image, 1, axis=0)
    random = jax.random.normal(draw, image.shape, image.dtype)
    replaced = jnp.where(by_alien[:, None, None, None], other, random)
    rest = {key: value for key, value in views.items() if key not in (noise, alien)}
    corrupted = jnp.where(pixels[..., None], replaced, image)
    return {**rest, name: corrupted, "original": image, "mask": mask}


def mix_views(
    key: jax.Array, views: Dict, *, names: tuple[str, str] = ("a", "b"), alpha: Positive = 1.0
) -> Dict:
    """Blends one view of each image with the other view of another image, with one common share.

    Mixed Barlow Twins (Bandara et al., 2023, section 3).

    Args:
      key: PRNG key.
      views: dict of [B, ...].
      names: the view that is kept in part, and the one that is mixed in.
      alpha: of the Beta(alpha, alpha) the share is drawn from.

    Returns:
      The unchanged views, and mixed=dict(image [B, ...], partner int32 [B], share float32 [B], the
      share of the first view).
    """
    one, other = _images(views, names)
    order, amount = jax.random.split(key)
    partner = jax.random.permutation(order, one.shape[0]).astype(jnp.int32)
    share = jax.random.beta(amount, alpha, alpha)
    image = share * one + (1 - share) * other[partner]
    shares = jnp.full(one.shape[0], share, jnp.float32)
    return views | {"mixed": {"image": image, "partner": partner, "share": shares}}
