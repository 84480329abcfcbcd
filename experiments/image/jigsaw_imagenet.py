"""Jigsaw on ImageNet-1k (Noroozi & Favaro, 2016), ResNet-50 in place of the paper's AlexNet.

Tiles of 64 in cells of 75 pixels and 1000 permutations as in the paper; the schedule is unverified.
The paper's figures are for AlexNet and no figures for this encoder.
Command: jssl train image/jigsaw_imagenet --set data.data_dir=DIR --data-path stream
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.labelled import after, jigsaw_tiles
from jssl.augmentations.recipes import evaluation
from jssl.augmentations.view import view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.pretext.jigsaw import Jigsaw
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(225, scale=(0.35, 1.0), gray_p=0.3, flip_p=0.0)
    shuffle = partial(jigsaw_tiles, permutations=1000, gap=11)
    return Experiment(
        method=Jigsaw(dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(image=after(one, shuffle)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("sgd", learning_rate=0.1, warmup_epochs=5, weight_decay=1e-4),
        batch_size=256,
        epochs=90,
    )
