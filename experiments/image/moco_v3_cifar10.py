"""MoCo v3 on CIFAR-10 (Chen et al., 2021), ResNet-18, the recipe of solo-learn.

LARS at 0.3 x batch / 256, projector and predictor 4096 - 256, 1000 epochs at batch 256; solo-learn
reports 93.10 (online linear probe).
Command: jssl train image/moco_v3_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, asymmetric_cifar, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.moco_v3 import MoCoV3
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MoCoV3(hidden=(4096,), last_norm=False),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=asymmetric_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-6, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(("linear", 0.9310, "solo-learn, online linear probe, 1000 epochs"),),
    )
