"""SwAV on CIFAR-10 (Caron et al., 2020), ResNet-18, the recipe of solo-learn.

LARS at 0.6 x batch / 256, projector 2048 - 128, 3000 prototypes held for two epochs, a queue of
3840 from epoch 50, 1000 epochs at batch 256; solo-learn reports 89.17 (online linear probe).
Command: jssl train image/swav_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, symmetric_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.clustering.swav import SwAV
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SwAV(queue=3840, queue_epochs=50, freeze_epochs=2),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=symmetric_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.6, warmup_epochs=10, weight_decay=1e-6, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.8917, "solo-learn, online linear probe, 1000 epochs"),
            ("knn", 0.8420, "lightly, batch 512, 200 epochs, best epoch on test"),
        ),
    )
