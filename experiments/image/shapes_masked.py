"""Masked and predictive methods on procedural shapes, named `image/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.batchwise import corrupt_groups
from jssl.augmentations.compose import Views
from jssl.augmentations.hog import with_hog
from jssl.augmentations.labelled import after
from jssl.augmentations.mask_blocks import block_mask, group_mask, unit_mask
from jssl.augmentations.mask_multiblock import multi_block_mask
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.augmentations.spectrum import mask_frequencies
from jssl.config.experiment import Experiment
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.methods.base import Method
from jssl.methods.masked.dbot import DBOT
from jssl.methods.masked.gmml import GMML
from jssl.methods.masked.mae import MAE
from jssl.methods.masked.maskfeat import MaskFeat
from jssl.methods.masked.mfm import MFM
from jssl.methods.masked.simmim import SimMIM
from jssl.methods.predictive.flexpredict import FlexPredict
from jssl.methods.predictive.ijepa import IJEPA
from jssl.training.optim import Optimizer
from jssl.training.short_runs import fit_momentum

STEPS = 1280  # 40 epochs of 8192 images in batches of 256
# I-JEPA's momentum starts at 0.996 in 375000 steps; the limit of ten steps decides here.
_TEACHER = fit_momentum(0.996, 375_000, STEPS)
# I-JEPA's initialisation and decay; contexts are a random part of what the targets leave.
_BLOCKS = {
    "encoder": ViT(
        "Ti",
        patch_size=4,
        width=128,
        depth=6,
        heads=4,
        pool="mean",
        kernel_init="trunc_normal_depth",
    ),
    "views": Views(image=shapes_alone(), mask=partial(multi_block_mask, grid=(8, 8), cut="random")),
    "optimizer": Optimizer(
        "adamw",
        learning_rate=1e-3,
        scaling="none",
        warmup_epochs=3,
        weight_decay=0.04,
        weight_decay_end=0.4,
    ),
}


def _study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(image=shapes_alone(), mask=partial(random_mask, tokens=64, ratio=0.75)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
    return dataclasses.replace(base, **changes)


def dbot_shapes() -> Experiment:
    """dBOT on procedural shapes (Liu et al., 2022): two stages, the first with a random teacher.

    Command: jssl train image/dbot_shapes. No published figure.
    """
    return _study(
        DBOT(decoder_width=64, decoder_depth=2, decoder_heads=4, warmup_epochs=2),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            end=1.0,
            weight_decay=0.05,
            beta2=0.95,
            clip_norm=3.0,
        ),
    )


def gmml_shapes() -> Experiment:
    """GMML on procedural shapes (Atito et al., 2022): a small ViT with patches of 4 pixels.

    Command: jssl train image/gmml_shapes. No published figure.
    """
    return _study(
        GMML(),
        views=Views(
            image=shapes_alone(),
            noise=partial(group_mask, grid=(8, 8), ratio=0.7, group=(2, 6)),
            alien=partial(group_mask, grid=(8, 8), ratio=0.3, group=(2, 6)),
            batch=(partial(corrupt_groups, grid=(8, 8)),),
        ),
    )


def mae_shapes() -> Experiment:
    """MAE on procedural shapes (He et al., 2022): a small ViT with patches of 4 pixels.

    Command: jssl train image/mae_shapes. No published figure.

    Hidden patches teach slowly: of a small net and many steps, or a larger one and few in the same
    time, the first learns more. Pixels are predicted as they are, since most patches are plain.
    """
    return _study(
        MAE(decoder_width=48, decoder_depth=1, decoder_heads=4, normalize_target=False),
        encoder=ViT("Ti", patch_size=4, width=64, depth=4, heads=4, pool="mean"),
        optimizer=Optimizer(
            "adamw",
            learning_rate=2e-3,
            scaling="none",
            warmup_epochs=3,
            weight_decay=0.05,
            beta2=0.95,
        ),
        batch_size=64,
        epochs=28,
    )


def maskfeat_shapes() -> Experiment:
    """MaskFeat on procedural shapes (Wei et al., 2022): a small ViT with patches of 8 pixels.

    Command: jssl train image/maskfeat_shapes. No published figure.

    Most patches of 4 pixels are plain, and their histograms would be those of the noise; a cell is
    8 pixels wide, as in the paper, and the noise floor is above the noise of a plain cell.
    """
    histograms = partial(with_hog, patch=8, cell=8, stats=None, floor=0.1)
    return _study(
        MaskFeat(),
        encoder=ViT("Ti", patch_size=8, width=128, depth=6, heads=4, pool="mean"),
        views=Views(
            image=after(shapes_alone(), histograms),
            mask=partial(block_mask, grid=(4, 4), ratio=0.4, smallest=2),
        ),
        epochs=80,
    )


def mfm_shapes() -> Experiment:
    """MFM on procedural shapes (Xie et al., 2023): a small ViT with patches of 4 pixels.

    Command: jssl train image/mfm_shapes. No published figure.
    """
    return _study(
        MFM(), views=Views(image=after(shapes_alone(), partial(mask_frequencies, radius=4.0)))
    )


def simmim_shapes() -> Experiment:
    """SimMIM on procedural shapes (Xie et al., 2022): a small ViT with patches of 4 pixels.

    Command: jssl train image/simmim_shapes. No published figure.
    """
    return _study(
        SimMIM(),
        views=Views(image=shapes_alone(), mask=partial(unit_mask, grid=(8, 8), unit=2, ratio=0.6)),
    )


def ijepa_shapes() -> Experiment:
    """I-JEPA on procedural shapes (Assran et al., 2023): a small ViT with patches of 4 pixels.

    Command: jssl train image/ijepa_shapes. No published figure.
    """
    return _study(
        IJEPA(momentum=_TEACHER, predictor_width=64, predictor_depth=2, predictor_heads=4),
        **_BLOCKS,
    )


def flexpredict_shapes() -> Experiment:
    """FlexPredict on procedural shapes (Bar et al., 2023): a small ViT with patches of 4 pixels.

    Command: jssl train image/flexpredict_shapes. No published figure.
    """
    return _study(
        FlexPredict(momentum=_TEACHER, predictor_width=64, predictor_depth=2, predictor_heads=4),
        **_BLOCKS,
    )
