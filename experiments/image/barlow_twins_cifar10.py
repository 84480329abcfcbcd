"""Barlow Twins on CIFAR-10 (Zbontar et al., 2021), ResNet-18, the recipe of solo-learn.

LARS at 0.3 x batch / 256, loss scaled by 0.1, projector 2048 - 2048 - 2048, 1000 epochs at batch
256; solo-learn reports 92.10 (online linear probe).
Command: jssl train image/barlow_twins_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, asymmetric_cifar, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.barlow_twins import BarlowTwins
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BarlowTwins(scale=0.1, hidden=(2048, 2048), out=2048),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=asymmetric_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-4, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.9210, "solo-learn, online linear probe, 1000 epochs"),
            ("knn", 0.8190, "lightly, batch 512, 200 epochs, best epoch on test"),
        ),
    )
