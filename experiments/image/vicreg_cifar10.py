"""VICReg on CIFAR-10 (Bardes et al., 2022), ResNet-18, the recipe of solo-learn.

LARS at 0.3 x batch / 256, expander 2048 - 2048 - 2048, 1000 epochs at batch 256; solo-learn
reports 92.07 (online linear probe).
Command: jssl train image/vicreg_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, vicreg_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(hidden=(2048, 2048), out=2048),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=vicreg_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-4, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(("linear", 0.9207, "solo-learn, online linear probe, 1000 epochs"),),
    )
