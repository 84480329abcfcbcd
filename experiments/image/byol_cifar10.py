"""BYOL on CIFAR-10 (Grill et al., 2020), ResNet-18, the recipe of solo-learn.

LARS at 1.0 x batch / 256, momentum 0.99 to 1, heads 4096 - 256, 1000 epochs at batch 256;
solo-learn reports 92.58 (online linear probe).
Command: jssl train image/byol_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, byol, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.distillation.byol import BYOL
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BYOL(momentum=0.99, hidden=4096, out=256),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=byol(32, blur=(0.0, 0.0), stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=1.0, warmup_epochs=10, weight_decay=1e-5, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.9258, "solo-learn, online linear probe, 1000 epochs"),
            ("knn", 0.8680, "lightly, batch 512, 200 epochs, best epoch on test"),
        ),
    )
