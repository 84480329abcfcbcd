"""The augmentations of published recipes, by name: `recipes.get("byol")`, or `recipes.byol()`.

Each returns Views. `size` is the output side in pixels and `stats` the (mean, std) of the
normalisation, None for none. Where a paper leaves a number out, it is that of the authors' code.
Blurs are Gaussians as wide as the drawn sigma at every side of the image, as in code built on
Pillow (MoCo, SimSiam, SwAV, DINO, iBOT, MSN, Barlow Twins, VICReg, ReSSL, solo-learn), which
approximates them by boxes. Three codes cut the kernel, and so do their recipes: SimCLR and BYOL to
a tenth of the side (`kernel="tenth"`), DINOv2 to 9 taps.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from jssl.augmentations.colour import CIFAR10, IMAGENET
from jssl.augmentations.compose import Pipeline, Views, pipeline, repeat
from jssl.augmentations.geometry import centre_crop, resize
from jssl.augmentations.recipes_masked import (
    beit,
    droppos,
    gmml,
    ijepa,
    mae,
    maskfeat,
    mfm,
    rotnet,
    simmim,
)
from jssl.augmentations.recipes_shapes import shapes, shapes_multicrop
from jssl.augmentations.view import standardise, view
from jssl.core.ranges import Statistics
from jssl.errors import UserError, nearest

BYOL_JITTER = (0.4, 0.4, 0.2, 0.1)
MOCO_JITTER = (0.4, 0.4, 0.4, 0.1)
STRONG_JITTER = (0.8, 0.8, 0.8, 0.2)


def simclr(
    size: int = 224,
    *,
    strength: float = 1.0,
    blur: float = 0.5,
    scale: tuple[float, float] = (0.08, 1.0),
    kernel: int | str | None = "tenth",
    stats: Statistics | None = IMAGENET,
) -> Views:
    """SimCLR (Chen et al., 2020, appendix A): two views `a` and `b` drawn alike.

    Args:
      size: output side, pixels.
      strength: of the colour jitter; 1 for ImageNet, 0.5 for CIFAR-10 (appendix B.9).
      blur: probability of Gaussian blur, sigma in (0.1, 2).
      scale: range of the crop's share of the area.
      kernel: taps of the blur, here a tenth of the side, which leaves little of it below 100
        pixels; None follows sigma.
      stats: (mean, std) of the normalisation; None for none, as in the authors' own code.

    Returns:
      Views a, b: float32 [B, size, size, C].
    """
    s = strength
    one = view(
        size,
        scale=scale,
        jitter=(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s),
        blur_p=blur,
        kernel=kernel,
        stats=stats,
    )
    return Views(a=one, b=one)


def simclr_cifar(
    size: int = 32,
    *,
    strength: float = 0.5,
    blur: float = 0.0,
    scale: tuple[float, float] = (0.08, 1.0),
    stats: Statistics | None = CIFAR10,
) -> Views:
    """SimCLR for CIFAR-10 (Chen et al., 2020, appendix B.9): jitter at half strength, no blur."""
    return simclr(size, strength=strength, blur=blur, scale=scale, stats=stats)


def byol(
    size: int = 224,
    *,
    blur: tuple[float, float] = (1.0, 0.1),
    solarize: tuple[float, float] = (0.0, 0.2),
    scale: tuple[float, float] = (0.08, 1.0),
    kernel: int | str | None = "tenth",
    stats: Statistics | None = IMAGENET,
) -> Views:
    """BYOL (Grill et al., 2020, appendix B, table 6): two views that differ in blur and solarize.

    Args:
      size: output side, pixels.
      blur: probability in `a` and in `b`.
      solarize: probability in `a` and in `b`.
      scale: range of the crop's share of the area.
      kernel: taps of the blur, here a tenth of the side (23 at 224); None follows sigma.
      stats: (mean, std) of the normalisation.

    Returns:
      Views a, b: float32 [B, size, size, C].
    """
    a, b = (
        view(
            size,
            scale=scale,
            jitter=BYOL_JITTER,
            blur_p=blur_p,
            kernel=kernel,
            solarize_p=solarize_p,
            stats=stats,
        )
        for blur_p, solarize_p in zip(blur, solarize, strict=True)
    )
    return Views(a=a, b=b)


def moco_v2(
    size: int = 224,
    *,
    scale: tuple[float, float] = (0.2, 1.0),
    blur: float = 0.5,
    stats: Statistics | None = IMAGENET,
) -> Views:
    """MoCo v2 (Chen et al., 2020b) and SimSiam (Chen & He, 2020, appendix): two views alike."""
    one = view(size, scale=scale, method="bilinear", jitter=MOCO_JITTER, blur_p=blur, stats=stats)
    return Views(a=one, b=one)


def simsiam(size: int = 224, *, stats: Statistics | None = IMAGENET) -> Views:
    """SimSiam (Chen & He, 2020): MoCo v2's augmentation."""
    return moco_v2(size, stats=stats)


def moco_v3(
    size: int = 224,
    *,
    scale: tuple[float, float] = (0.08, 1.0),
    stats: Statistics | None = IMAGENET,
) -> Views:
    """MoCo v3 (Chen et al., 2021): BYOL's two views; crops from 0.08 (ViT) or 0.2 (ResNet-50)."""
    return byol(size, scale=scale, kernel=None, stats=stats)


def barlow(size: int = 224, *, stats: Statistics | None = IMAGENET) -> Views:
    """Barlow Twins (Zbontar et al., 2021, section 2.2): BYOL's two views."""
    return byol(size, kernel=None, stats=stats)


def vicreg(size: int = 224, *, stats: Statistics | None = IMAGENET) -> Views:
    """VICReg (Bardes et al., 2021, appendix C.1): BYOL's two views."""
    return byol(size, kernel=None, stats=stats)


def vicreg_cifar(size: int = 32, *, stats: Statistics | None = CIFAR10) -> Views:
    """VICReg for CIFAR (solo-learn, stable across frameworks): crops from 0.2, weak solarize."""
    one = view(size, scale=(0.2, 1.0), jitter=BYOL_JITTER, solarize_p=0.1, stats=stats)
    return Views(a=one, b=one)


def symmetric_cifar(
    size: int = 32, *, blur: float = 0.5, stats: Statistics | None = CIFAR10
) -> Views:
    """solo-learn's CIFAR recipe of SimCLR, SwAV, DeepCluster V2, SupCon: full-strength jitter."""
    one = view(size, jitter=STRONG_JITTER, blur_p=blur, stats=stats)
    return Views(a=one, b=one)


def weak_cifar(size: int = 32, *, blur: float = 0.5, stats: Statistics | None = CIFAR10) -> Views:
    """solo-learn's CIFAR recipe of MoCo V2+ and SimSiam: two views alike, half-strength jitter."""
    one = view(size, jitter=MOCO_JITTER, blur_p=blur, stats=stats)
    return Views(a=one, b=one)


def asymmetric_cifar(size: int = 32, *, stats: Statistics | None = CIFAR10) -> Views:
    """solo-learn's CIFAR recipe of BYOL, Barlow Twins, DINO, MoCo V3, NNCLR: solarize in `b`."""
    return byol(size, blur=(0.0, 0.0), stats=stats)


def wmse(size: int = 32, *, count: int = 2, stats: Statistics | None = CIFAR10) -> Views:
    """W-MSE on CIFAR (Ermolov et al., 2020, section 4): `views` [B, count, ...], all alike."""
    one = view(size, scale=(0.2, 1.0), jitter=MOCO_JITTER, gray_p=0.1, stats=stats)
    return Views(views=repeat(one, count))


def ressl(size: int = 224, *, blur: float = 0.5, stats: Statistics | None = IMAGENET) -> Views:
    """ReSSL (Zheng et al., 2021, section 3.3): strong `a` for the student, weak `b` the teacher."""
    strong = view(size, scale=(0.2, 1.0), jitter=MOCO_JITTER, blur_p=blur, stats=stats)
    weak = view(size, scale=(0.2, 1.0), gray_p=0.0, stats=stats)
    return Views(a=strong, b=weak)


def swav_multicrop(
    size: int = 224,
    *,
    local: int = 96,
    crops: int = 6,
    scale: tuple[float, float] = (0.14, 1.0),
    local_scale: tuple[float, float] = (0.05, 0.14),
    stats: Statistics | None = IMAGENET,
) -> Views:
    """SwAV (Caron et al., 2020, appendix A): `a`, `b` and `local` [B, crops, local, local, C]."""

    def one(side: int, share: tuple[float, float]) -> Pipeline:
        return view(
            side, scale=share, method="bilinear", jitter=STRONG_JITTER, blur_p=0.5, stats=stats
        )

    return Views(
        a=one(size, scale), b=one(size, scale), local=repeat(one(local, local_scale), crops)
    )


def swav_multicrop_cifar(size: int = 32, *, stats: Statistics | None = CIFAR10) -> Views:
    """solo-learn's SwAV multi-crop for CIFAR: 2 of 32 from 0.2 to 1, 6 of 18 from 0.08 to 0.5."""

    def one(side: int, share: tuple[float, float]) -> Pipeline:
        return view(side, scale=share, jitter=STRONG_JITTER, blur_p=0.5, stats=stats)

    small = repeat(one(round(size * 18 / 32), (0.08, 0.5)), 6)
    return Views(a=one(size, (0.2, 1.0)), b=one(size, (0.2, 1.0)), local=small)


def dino_multicrop(
    size: int = 224,
    *,
    local: int = 96,
    crops: int = 8,
    scale: tuple[float, float] = (0.4, 1.0),
    local_scale: tuple[float, float] = (0.05, 0.4),
    kernel: int | str | None = None,
    stats: Statistics | None = IMAGENET,
) -> Views:
    """DINO (Caron et al., 2021, section 3.2; iBOT): `a`, `b`, `local` [B, crops, local, local, C].

    DINOv2 takes (0.32, 1) and (0.05, 0.32), crops of 98 pixels and a blur of 9 taps (`kernel=9`).
    """

    def one(side: int, share: tuple[float, float], blur: float, inverted: float) -> Pipeline:
        return view(
            side,
            scale=share,
            jitter=BYOL_JITTER,
            blur_p=blur,
            kernel=kernel,
            solarize_p=inverted,
            stats=stats,
        )

    return Views(
        a=one(size, scale, 1.0, 0.0),
        b=one(size, scale, 0.1, 0.2),
        local=repeat(one(local, local_scale, 0.5, 0.0), crops),
    )


def evaluation(
    stats: Statistics | None = IMAGENET, *, size: int | None = None, share: float = 1.0
) -> Pipeline:
    """What evaluation sees: float, resized and centre-cropped if asked, normalised.

    Args:
      stats: (mean, std) of the normalisation; None leaves it out.
      size: output side, pixels; None keeps the image's own.
      share: `size` over the shorter side before the crop; 224 / 256 in the ImageNet protocol.

    Returns:
      Pipeline, nothing in it random: `evaluation()(None, example)`.
    """
    before = None if size is None else round(size / share)
    return pipeline(
        None if size is None else partial(resize, size=before, method="bicubic", keep_aspect=True),
        None if size is None else partial(centre_crop, size=size),
        standardise(stats),
    )


RECIPES = {
    recipe.__name__: recipe
    for recipe in (
        *(simclr, simclr_cifar, byol, moco_v2, moco_v3, simsiam, barlow, vicreg, vicreg_cifar),
        *(symmetric_cifar, weak_cifar, asymmetric_cifar, wmse, ressl),
        *(shapes, shapes_multicrop),
        *(swav_multicrop, swav_multicrop_cifar, dino_multicrop),
        *(mae, beit, simmim, maskfeat, gmml, mfm, ijepa, droppos, rotnet),
    )
}


def names() -> list[str]:
    """The names of all recipes, sorted."""
    return sorted(RECIPES)


def get(name: str, **arguments: Any) -> Views:
    """A recipe by name.

    Args:
      name: one of `names()`.
      **arguments: the recipe's own, such as size.

    Returns:
      Views.

    Raises:
      UserError: an unknown name or argument.
    """
    if name not in RECIPES:
        raise UserError(f"no augmentation recipe {name!r}: {nearest(name, RECIPES)}")
    known = inspect.signature(RECIPES[name]).parameters
    for argument in arguments:
        if argument not in known:
            raise UserError(f"recipe {name!r} has no {argument!r}: {nearest(argument, known)}")
    return RECIPES[name](**arguments)
