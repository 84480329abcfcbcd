"""SimCLR on a part of CIFAR-10 (Chen et al., 2020) with an encoder for two CPU cores.

Command: jssl train image/simclr_cifar10_small --set data.data.path=cifar10.npz
About five minutes. No published figure.
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, simclr_cifar
from jssl.config.experiment import Experiment
from jssl.data import Npz, Part
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(512,), out=128),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Part(Npz("cifar10.npz"), train=20000, validation=2500, test=5000),
        views=simclr_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=8,
    )
