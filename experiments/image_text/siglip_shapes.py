"""CLIP (Radford et al., 2021) on procedural shapes, with the sigmoid loss (Zhai et al., 2023).

Command: jssl train image_text/siglip_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.text import pick_row
from jssl.data.captions import CaptionedShapes
from jssl.encoders.resnet import ResNet
from jssl.encoders.text import SymbolTransformer
from jssl.experiment import Experiment
from jssl.methods.contrastive.clip import CLIP
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=CLIP(
            partner=SymbolTransformer(width=64, depth=3, heads=4), loss="sigmoid", temperature=0.1
        ),
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
