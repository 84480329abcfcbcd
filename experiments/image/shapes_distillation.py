"""Self-distillation and teachers on procedural shapes, named `image/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_blocks import block_mask
from jssl.augmentations.mask_varying import varying_mask
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import (
    shapes,
    shapes_alone,
    shapes_evaluation,
    shapes_multicrop,
)
from jssl.config.experiment import Experiment
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.methods.base import Method
from jssl.methods.distillation.byol import BYOL
from jssl.methods.distillation.data2vec import Data2Vec
from jssl.methods.distillation.dino import DINO
from jssl.methods.distillation.dinov2 import DINOv2
from jssl.methods.distillation.ibot import IBOT
from jssl.methods.distillation.msn import MSN
from jssl.methods.distillation.random_teacher import RandomTeacher
from jssl.methods.distillation.simsiam import SimSiam
from jssl.training.optim import Optimizer
from jssl.training.short_runs import fit_momentum


def _resnet_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ResNet(depth=10, stem="imagenet", width=0.25),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            multipliers=(("predictor", 10.0),),
        ),
        batch_size=128,
        epochs=94,
    )
    return dataclasses.replace(base, **changes)


def _vit_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4),
        data=Shapes(),
        views=shapes_multicrop(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=3,
            weight_decay=0.04,
            clip_norm=3.0,
        ),
        batch_size=256,
        epochs=20,
    )
    return dataclasses.replace(base, **changes)


def byol_shapes() -> Experiment:
    """BYOL on procedural shapes (Grill et al., 2020).

    Command: jssl train image/byol_shapes. No published figure.

    The predictor learns ten times faster than the rest (appendix F of the paper: a predictor near
    its optimum matters more than the teacher). Without that, or at a rate of 0.001 and more, what
    is left of the projection after a few hundred steps is one dimension, as the collapse alarm
    says.
    """
    return _resnet_study(BYOL(momentum=0.96, hidden=512, out=128))


def simsiam_shapes() -> Experiment:
    """SimSiam on procedural shapes (Chen & He, 2021).

    Command: jssl train image/simsiam_shapes. No published figure.
    """
    return _resnet_study(
        SimSiam(hidden=(512,), out=512, bottleneck=128),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            multipliers=(("predictor", 10.0),),  # a slow predictor lets the projection collapse
        ),
    )


def data2vec_shapes() -> Experiment:
    """data2vec on procedural shapes (Baevski et al., 2022): a small ViT, blocks hide 60 % of it.

    Command: jssl train image/data2vec_shapes. No published figure.

    The momentum is the paper's 0.9998 of 500000 steps, fitted to 1280.
    """
    momentum = fit_momentum(0.9998, 500_000, 1280)
    return _vit_study(
        Data2Vec(momentum=momentum, momentum_end=momentum, top=3),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        views=Views(
            image=shapes_alone(),
            mask=partial(block_mask, grid=(8, 8), ratio=0.6, smallest=4),
        ),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            scaling="none",
            warmup_epochs=4,
            weight_decay=0.05,
            clip_norm=3.0,
        ),
        epochs=40,
    )


def dino_shapes() -> Experiment:
    """DINO on procedural shapes (Caron et al., 2021): a small ViT, two large crops and four small.

    Command: jssl train image/dino_shapes. No published figure.
    """
    return _vit_study(
        DINO(momentum=0.98, hidden=(256,), bottleneck=64, prototypes=512, kernel_init="lecun")
    )


def dinov2_shapes() -> Experiment:
    """DINOv2 on procedural shapes (Oquab et al., 2023): a small ViT, large crops partly masked.

    Command: jssl train image/dinov2_shapes. No published figure.
    """
    mask = repeat(partial(varying_mask, grid=(8, 8)), 2)
    return _vit_study(
        DINOv2(
            momentum=0.98,
            temperature=0.04,
            hidden=(256,),
            bottleneck=64,
            prototypes=512,
            kernel_init="lecun",
            patch_prototypes=512,
        ),
        views=Views(**dict(shapes_multicrop().entries), mask=mask),
    )


def ibot_shapes() -> Experiment:
    """iBOT on procedural shapes (Zhou et al., 2022): a small ViT, large crops partly masked.

    Command: jssl train image/ibot_shapes. No published figure.
    """
    mask = repeat(partial(varying_mask, grid=(8, 8)), 2)
    return _vit_study(
        IBOT(
            momentum=0.98,
            temperature=0.04,
            hidden=(256,),
            bottleneck=64,
            prototypes=512,
            kernel_init="lecun",
        ),
        views=Views(**dict(shapes_multicrop().entries), mask=mask),
    )


def msn_shapes() -> Experiment:
    """MSN on procedural shapes (Assran et al., 2022): a small ViT, a masked view, four small crops.

    Command: jssl train image/msn_shapes. No published figure.
    """
    crops = dict(shapes_multicrop().entries)
    return _vit_study(
        MSN(momentum=0.98, prototypes=128, hidden=(256,), out=64, kernel_init="lecun"),
        views=Views(
            target=crops["a"],
            anchor=crops["b"],
            mask=partial(random_mask, tokens=64, ratio=0.3),
            local=crops["local"],
        ),
    )


def random_teacher_shapes() -> Experiment:
    """A random teacher on procedural shapes (Sarnthein et al., 2023): no augmentation, no labels.

    Command: jssl train image/random_teacher_shapes. No published figure.
    """
    return _resnet_study(
        RandomTeacher(hidden=(512,), bottleneck=128, prototypes=1024, kernel_init="lecun"),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        views=Views(image=shapes_evaluation()),
        optimizer=Optimizer("adamw", learning_rate=1e-3, scaling="none"),
        batch_size=256,
        epochs=20,
    )
