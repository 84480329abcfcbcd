"""SimCLR on scikit-learn's 8x8 digits (Chen et al., 2020): the demo, under two minutes on 2 cores.

Command: jssl train image/simclr_digits. No published figure.
"""

from functools import partial

from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.compose import Views, pipeline, sometimes
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.recipes import evaluation
from jssl.config.experiment import Experiment
from jssl.data import Digits
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    # No flips: a mirrored 2 is no digit. Grey images have brightness and contrast to jitter.
    view = pipeline(
        partial(random_resized_crop, size=8, scale=(0.5, 1.0)),
        sometimes(partial(colour_jitter, brightness=0.4, contrast=0.4), 0.8),
    )
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=ResNet(depth=10, stem="cifar", width=0.5),
        data=Digits(),
        views=Views(a=view, b=view),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=5, weight_decay=0.01
        ),
        batch_size=256,
        epochs=100,
    )
