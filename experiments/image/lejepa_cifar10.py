"""LeJEPA on CIFAR-10 (Balestriero & LeCun, 2025), ResNet-18, after eb_jepa.

LARS at 0.3 x batch / 256, projector 2048 - 128, 300 epochs at batch 256; eb_jepa reports 91.02
(linear) with another weighing of the same two terms.
Command: jssl train image/lejepa_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, vicreg_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.lejepa import LeJEPA
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=LeJEPA(hidden=(2048,)),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=vicreg_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-4, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=300,
        expected=(("linear", 0.9102, "eb_jepa, SIGReg, ResNet-18, 300 epochs"),),
    )
