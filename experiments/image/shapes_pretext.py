"""Pretext tasks, fine-tuning and distillation on procedural shapes, named `image/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.colour import grayscale, normalise_image
from jssl.augmentations.compose import Views, field, pipeline
from jssl.augmentations.labelled import after, jigsaw_tiles, rotate_all
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import shapes, shapes_alone, shapes_evaluation
from jssl.config.experiment import Experiment
from jssl.data import Part, Shapes
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.methods.base import Method
from jssl.methods.pretext.diet import DIET
from jssl.methods.pretext.droppos import DropPos
from jssl.methods.pretext.jigsaw import Jigsaw
from jssl.methods.pretext.mp3 import MP3
from jssl.methods.pretext.rotnet import RotNet
from jssl.methods.semisupervised.distill import Distill
from jssl.methods.semisupervised.finetune import FineTune
from jssl.training.optim import Optimizer


def _resnet_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(image=dict(shapes().entries)["a"], index=field("index")),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=40,
    )
    return dataclasses.replace(base, **changes)


def _vit_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(
            image=shapes_alone(),
            mask=partial(random_mask, tokens=64, ratio=0.5),
            dropped=partial(random_mask, tokens=32, ratio=0.75),
        ),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
    return dataclasses.replace(base, **changes)


def diet_shapes() -> Experiment:
    """DIET on procedural shapes (Ibrahim et al., 2024): each of 1024 images its own class.

    Command: jssl train image/diet_shapes. No published figure.

    An output has one positive example per epoch: 1280 steps are 320 epochs of 1024 images, where
    they would be 40 of 8192.
    """
    return _resnet_study(
        DIET(examples=1024),
        data=Shapes(train=1024),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=8, weight_decay=0.01
        ),
        epochs=320,
    )


def droppos_shapes() -> Experiment:
    """DropPos on procedural shapes (Wang et al., 2023): a small ViT with patches of 4 pixels.

    Command: jssl train image/droppos_shapes. No published figure.
    """
    return _vit_study(DropPos(decoder_width=64, decoder_depth=1, decoder_heads=4))


def jigsaw_shapes() -> Experiment:
    """Jigsaw on procedural shapes (Noroozi & Favaro, 2016): nine tiles of 14 pixels.

    Command: jssl train image/jigsaw_shapes. No published figure.

    Evaluation normalises each image as each tile is normalised, and the stem halves a tile once,
    as the paper's first stride of 2 does.
    """
    shuffle = partial(jigsaw_tiles, permutations=24, gap=2)
    return _resnet_study(
        Jigsaw(permutations=24, tile=64, hidden=256),
        encoder=ResNet(depth=10, stem="stride2", width=0.25),
        views=Views(image=after(shapes_alone(48), shuffle)),
        preprocess=pipeline(grayscale, normalise_image),
        epochs=20,
    )


def mp3_shapes() -> Experiment:
    """MP3 on procedural shapes (Zhai et al., 2022): a small ViT with patches of 4 pixels.

    Command: jssl train image/mp3_shapes. No published figure.
    """
    return _vit_study(
        MP3(),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, positions="none", pool="mean"),
        views=Views(image=shapes_alone(), mask=partial(random_mask, tokens=64, ratio=0.5)),
    )


def rotnet_shapes() -> Experiment:
    """RotNet on procedural shapes (Gidaris et al., 2018): all four rotations of each image.

    Command: jssl train image/rotnet_shapes. No published figure.
    """
    return _resnet_study(RotNet(), views=Views(image=after(shapes_alone(), rotate_all)), epochs=12)


def finetune_shapes() -> Experiment:
    """Fine-tuning on 10 % of the labels of the procedural shapes (Chen et al., 2020c).

    SimCLRv2's second stage: the encoder and the projector's first layer of a SimCLR run.
    Command: jssl train image/finetune_shapes --init-from runs/image/simclr_shapes/seed0
    Without --init-from it is supervised training from a random start. No published figure.
    """
    return _resnet_study(
        FineTune(classes=10, hidden=(512,)),
        data=Part(Shapes(), train=819),
        views=Views(image=shapes_alone(), label=field("label")),
    )


def distill_shapes() -> Experiment:
    """Distillation on procedural shapes (Chen et al., 2020c), SimCLRv2's third stage.

    Teacher and student start from a fine-tuned run; no label is used.
    Command: jssl train image/distill_shapes --init-from RUN, a run of image/finetune_shapes
    No published figure.
    """
    return _resnet_study(
        Distill(classes=10, hidden=(512,)), views=Views(image=shapes_alone()), epochs=12
    )
