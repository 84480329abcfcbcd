"""CLIP (Radford et al., 2021) on COCO's captions.

Command: jssl train image_text/clip_coco --set data.folder=DIR/train2017
data.annotations=DIR/annotations/captions_train2017.json. No published figure at this
size: the authors' models see other data.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.text import pick_row
from jssl.config.experiment import Experiment
from jssl.data.captions import COCOCaptions
from jssl.encoders.resnet import ResNet
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.clip import CLIP
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=CLIP(partner=SymbolTransformer(width=64, depth=3, heads=4)),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=COCOCaptions("train2017", "captions_train2017.json"),
        views=Views(
            a=pipeline(partial(random_resized_crop, size=64, scale=(0.9, 1.0))),
            b=pipeline(pick_row, field="captions"),
        ),
        preprocess=pipeline(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=30,
    )
