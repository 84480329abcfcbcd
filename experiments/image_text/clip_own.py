"""CLIP (Radford et al., 2021) on your own images with captions, small enough for two cores.

Command: jssl train image_text/clip_own --data DIR
DIR holds images and COCO's JSON or a CSV file of path and caption. No published figure.
"""

from functools import partial

from jssl.augmentations.colour import IMAGENET
from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.recipes import evaluation
from jssl.augmentations.text import pick_row
from jssl.augmentations.view import standardise
from jssl.config.experiment import Experiment
from jssl.data.captioned_images import CaptionedImages
from jssl.encoders.resnet import ResNet
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.clip import CLIP
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    crop = partial(random_resized_crop, size=64, scale=(0.5, 1.0))
    return Experiment(
        method=CLIP(partner=SymbolTransformer(width=64, depth=3, heads=4)),
        encoder=ResNet(depth=18, stem="imagenet", width=0.5),
        data=CaptionedImages("images/captions.csv", "images"),
        views=Views(
            a=pipeline(crop, standardise(IMAGENET)), b=pipeline(pick_row, field="captions")
        ),
        preprocess=evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=30,
    )
