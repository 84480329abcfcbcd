"""Methods on procedural images with captions, named `image_text/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.mask_varying import varying_mask
from jssl.augmentations.text import pick_row
from jssl.config.experiment import Experiment
from jssl.data.captions import CaptionedShapes
from jssl.encoders.resnet import ResNet
from jssl.encoders.text import SymbolTransformer
from jssl.encoders.vit import ViT
from jssl.methods.base import Method
from jssl.methods.contrastive.clip import CLIP
from jssl.methods.contrastive.tips import TIPS
from jssl.training.optim import Optimizer


def _resnet_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=CaptionedShapes(),
        views=Views(
            a=pipeline(partial(random_resized_crop, size=32, scale=(0.9, 1.0))),
            b=pipeline(pick_row, field="captions"),
        ),
        preprocess=pipeline(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=10,
    )
    return dataclasses.replace(base, **changes)


def clip_shapes() -> Experiment:
    """CLIP (Radford et al., 2021) on procedural shapes and what is said of them.

    Command: jssl train image_text/clip_shapes. No published figure.
    """
    return _resnet_study(CLIP(partner=SymbolTransformer(width=64, depth=3, heads=4)))


def siglip_shapes() -> Experiment:
    """CLIP (Radford et al., 2021) on procedural shapes, with the sigmoid loss (Zhai et al., 2023).

    Command: jssl train image_text/siglip_shapes. No published figure.
    """
    return _resnet_study(
        CLIP(partner=SymbolTransformer(width=64, depth=3, heads=4), loss="sigmoid", temperature=0.1)
    )


def tips_shapes() -> Experiment:
    """TIPS (Maninis et al., 2025) on procedural shapes: two captions an image, small crops, a mask.

    Command: jssl train image_text/tips_shapes. No published figure.
    """
    small = pipeline(partial(random_resized_crop, size=16, scale=(0.2, 0.6)))
    return Experiment(
        method=TIPS(
            partner=SymbolTransformer(width=64, depth=2, heads=4),
            momentum=0.98,
            temperature=0.04,
            centring="sinkhorn",
            image_weight=0.5,
            patch_weight=0.5,
            hidden=(256,),
            bottleneck=64,
            prototypes=256,
            patch_prototypes=256,
            kernel_init="lecun",
        ),
        encoder=ViT("Ti", patch_size=8, width=96, depth=4, heads=4, registers=1),
        data=CaptionedShapes(),
        views=Views(
            a=pipeline(partial(random_resized_crop, size=32, scale=(0.9, 1.0))),
            local=repeat(small, 2),
            b=pipeline(pick_row, field="captions"),
            c=pipeline(pick_row, field="captions"),
            mask=partial(varying_mask, grid=(4, 4), ratio=(0.3, 0.7), p=1.0, smallest=2),
        ),
        preprocess=pipeline(),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            clip_norm=3.0,
        ),
        batch_size=64,
        epochs=10,
    )
