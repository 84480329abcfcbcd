"""DINO on CIFAR-10 (Caron et al., 2021), ResNet-18, the recipe of solo-learn.

LARS at 0.3 x batch / 256, head 2048 - 256 and 4096 prototypes, momentum 0.9995 to 1, two crops,
1000 epochs at batch 256; solo-learn reports 89.52 (online linear probe).
Command: jssl train image/dino_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, asymmetric_cifar, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.distillation.dino import DINO
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DINO(momentum=0.9995, hidden=(2048, 2048), bottleneck=256, prototypes=4096),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=asymmetric_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-6, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.8952, "solo-learn, online linear probe, 1000 epochs"),
            ("knn", 0.8130, "lightly, batch 512, 200 epochs, best epoch on test"),
        ),
    )
