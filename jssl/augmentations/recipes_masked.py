"""The augmentations of masked and pretext recipes; see recipes.py."""

from __future__ import annotations

from functools import partial

from jssl.augmentations.batchwise import corrupt_groups
from jssl.augmentations.colour import IMAGENET
from jssl.augmentations.compose import Views
from jssl.augmentations.hog import with_hog
from jssl.augmentations.labelled import after, rotate_all
from jssl.augmentations.mask_blocks import block_mask, group_mask, unit_mask
from jssl.augmentations.mask_multiblock import multi_block_mask
from jssl.augmentations.masks import hidden_count, random_mask
from jssl.augmentations.spectrum import mask_frequencies
from jssl.augmentations.view import view
from jssl.core.ranges import Statistics


def mae(
    size: int = 224,
    *,
    tokens: int = 196,
    ratio: float = 0.75,
    scale: tuple[float, float] = (0.2, 1.0),
    stats: Statistics | None = IMAGENET,
) -> Views:
    """MAE (He et al., 2021, appendix A.1): one cropped and flipped view and a random mask.

    Args:
      size: output side, pixels.
      tokens: number of patches, (size / patch size) squared.
      ratio: share of the patches hidden.
      scale: range of the crop's share of the area.
      stats: (mean, std) of the normalisation.

    Returns:
      Views image: float32 [B, size, size, C]; mask: dict(mask bool [B, N], keep int32 [B, K],
      masked int32 [B, N - K]).
    """
    return Views(
        image=view(size, scale=scale, gray_p=0.0, stats=stats),
        mask=partial(random_mask, tokens=tokens, ratio=ratio),
    )


def beit(
    size: int = 224,
    *,
    grid: tuple[int, int] = (14, 14),
    ratio: float = 0.4,
    stats: Statistics | None = IMAGENET,
) -> Views:
    """BEiT (Bao et al., 2021, section 3.1): crop, flip, jitter 0.4; blocks hide 40 % of patches."""
    image = view(size, jitter=(0.4, 0.4, 0.4, 0.0), jitter_p=1.0, gray_p=0.0, stats=stats)
    return Views(image=image, mask=partial(block_mask, grid=grid, ratio=ratio))


def simmim(
    size: int = 224,
    *,
    grid: tuple[int, int] = (14, 14),
    unit: int = 2,
    ratio: float = 0.6,
    scale: tuple[float, float] = (0.67, 1.0),
    stats: Statistics | None = IMAGENET,
) -> Views:
    """SimMIM (Xie et al., 2022, section 4.1): crop from 0.67, flip, squares of `unit` tokens."""
    image = view(size, scale=scale, gray_p=0.0, stats=stats)
    return Views(image=image, mask=partial(unit_mask, grid=grid, unit=unit, ratio=ratio))


def maskfeat(
    size: int = 224,
    *,
    grid: tuple[int, int] = (14, 14),
    ratio: float = 0.4,
    patch: int = 16,
    cell: int = 8,
    smallest: int = 16,
    stats: Statistics | None = IMAGENET,
) -> Views:
    """MaskFeat on images (Wei et al., 2021, appendix): crop from 0.5, flip, blocks of 40 %, HOG.

    Args:
      size: output side, pixels.
      grid: (rows, columns) of tokens.
      ratio: share of the tokens hidden.
      patch: side of a patch, pixels.
      cell: side of a HOG cell, pixels.
      smallest: tokens in a block at least.
      stats: (mean, std) of the normalisation, after the HOG.

    Returns:
      Views image: dict(image float32 [B, size, size, C], target float32 [B, N, P]); mask:
      dict(mask bool [B, N], keep, masked).
    """
    crop = view(size, scale=(0.5, 1.0), gray_p=0.0, stats=None)
    return Views(
        image=after(crop, partial(with_hog, patch=patch, cell=cell, stats=stats)),
        mask=partial(block_mask, grid=grid, ratio=ratio, smallest=smallest),
    )


def gmml(
    size: int = 224,
    *,
    grid: tuple[int, int] = (14, 14),
    noise: float = 0.7,
    alien: float = 0.3,
    group: tuple[int, int] = (2, 16),
    scale: tuple[float, float] = (0.25, 1.0),
    stats: Statistics | None = IMAGENET,
) -> Views:
    """GMML (Atito et al., 2022): groups of tokens replaced by noise or by another image.

    Args:
      size: output side, pixels.
      grid: (rows, columns) of tokens.
      noise: share of the tokens replaced in an image that noise corrupts; a random share between
        0.5 and 0.75 in the authors' code.
      alien: share in an image that another corrupts.
      group: least and largest number of tokens in a group.
      scale: range of the crop's share of the area.
      stats: (mean, std) of the normalisation.

    Returns:
      Views image: corrupted, original: as it was, both float32 [B, size, size, C]; mask bool
      [B, N], True where a token was replaced.
    """
    return Views(
        image=view(size, scale=scale, gray_p=0.0, stats=stats),
        noise=partial(group_mask, grid=grid, ratio=noise, group=group),
        alien=partial(group_mask, grid=grid, ratio=alien, group=group),
        batch=(partial(corrupt_groups, grid=grid),),
    )


def droppos(
    size: int = 224,
    *,
    tokens: int = 196,
    ratio: float = 0.75,
    dropped: float = 0.75,
    stats: Statistics | None = IMAGENET,
) -> Views:
    """DropPos (Wang et al., 2023, section 4): crop, flip, a quarter of the patches is shown.

    Args:
      size: output side, pixels.
      tokens: number of patches.
      ratio: share of the patches hidden.
      dropped: share of the shown patches that lose their position.
      stats: (mean, std) of the normalisation.

    Returns:
      Views image: float32 [B, size, size, C]; mask: dict(keep int32 [B, K], ...); dropped:
      dict(mask bool [B, K], ...), in the order of `keep`.
    """
    shown = tokens - hidden_count(tokens, ratio)
    return Views(
        image=view(size, scale=(0.2, 1.0), gray_p=0.0, stats=stats),
        mask=partial(random_mask, tokens=tokens, ratio=ratio),
        dropped=partial(random_mask, tokens=shown, ratio=dropped),
    )


def ijepa(
    size: int = 224, *, grid: tuple[int, int] = (14, 14), stats: Statistics | None = IMAGENET
) -> Views:
    """I-JEPA (Assran et al., 2023, appendix A): crop from 0.3, no flip, blocks."""
    image = view(size, scale=(0.3, 1.0), flip_p=0.0, gray_p=0.0, stats=stats)
    return Views(image=image, mask=partial(multi_block_mask, grid=grid))


def mfm(size: int = 224, *, radius: float = 16.0, stats: Statistics | None = IMAGENET) -> Views:
    """MFM (Xie et al., 2022, section 4.1): crop from 0.2, flip, low or high frequencies removed."""
    image = view(size, scale=(0.2, 1.0), gray_p=0.0, stats=stats)
    return Views(image=after(image, partial(mask_frequencies, radius=radius)))


def rotnet(
    size: int = 32,
    *,
    scale: tuple[float, float] = (0.08, 1.0),
    stats: Statistics | None = IMAGENET,
) -> Views:
    """RotNet (Gidaris et al., 2018): crop, flip, and all four rotations, with their labels."""
    return Views(image=after(view(size, scale=scale, gray_p=0.0, stats=stats), rotate_all))
