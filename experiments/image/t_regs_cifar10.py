"""T-REGS on CIFAR-10 (Mordacq et al., 2025), ResNet-18, with VICReg's optimizer.

LARS at 0.3 x batch / 256, projector 2048 - 2048 - 2048, 1000 epochs at batch 256; all of it
unverified. No published figure could be read.
Command: jssl train image/t_regs_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, vicreg_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.t_regs import TREGS
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=TREGS(hidden=(2048, 2048), out=2048),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=vicreg_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-4, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
    )
