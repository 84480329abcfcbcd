"""Jigsaw on CIFAR-10 (Noroozi & Favaro, 2016), ResNet-18 on nine tiles of 14 pixels.

The paper trains an AlexNet-like net on ImageNet; everything but the task is unverified here, and no
published figure is known for this data set.
Command: jssl train image/jigsaw_cifar10 --set data.data_dir=DIR
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.labelled import after, jigsaw_tiles
from jssl.augmentations.recipes import CIFAR10, evaluation
from jssl.augmentations.view import view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.pretext.jigsaw import Jigsaw
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(48, scale=(0.35, 1.0), gray_p=0.3, flip_p=0.0, stats=CIFAR10)
    shuffle = partial(jigsaw_tiles, permutations=1000, gap=2)
    return Experiment(
        method=Jigsaw(permutations=1000, tile=256, hidden=1024),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=Views(image=after(one, shuffle)),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer("sgd", learning_rate=0.03, weight_decay=5e-4),
        batch_size=256,
        epochs=200,
    )
