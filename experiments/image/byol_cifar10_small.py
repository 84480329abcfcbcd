"""BYOL on a part of CIFAR-10 (Grill et al., 2020) with an encoder for two CPU cores.

Command: jssl train image/byol_cifar10_small --set data.data.path=cifar10.npz
About five minutes. No published figure.
"""

from jssl.augmentations.recipes import CIFAR10, byol, evaluation
from jssl.config.experiment import Experiment
from jssl.data import Npz, Part
from jssl.encoders.resnet import ResNet
from jssl.methods.distillation.byol import BYOL
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BYOL(momentum=0.96, hidden=512, out=128),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Part(Npz("cifar10.npz"), train=20000, validation=2500, test=5000),
        views=byol(32, blur=(0.0, 0.0), stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            multipliers=(("predictor", 10.0),),  # see image/byol_shapes
        ),
        batch_size=256,
        epochs=8,
    )
