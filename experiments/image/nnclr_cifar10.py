"""NNCLR on CIFAR-10 (Dwibedi et al., 2021), ResNet-18, the recipe of solo-learn.

LARS at 0.4 x batch / 256, temperature 0.2, queue 65536, 1000 epochs at batch 256; solo-learn
reports 91.88 (online linear probe).
Command: jssl train image/nnclr_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, asymmetric_cifar, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.nnclr import NNCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=NNCLR(temperature=0.2, queue=65536),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=asymmetric_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars", learning_rate=0.4, warmup_epochs=10, weight_decay=1e-5, trust_coefficient=0.02
        ),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.9188, "solo-learn, online linear probe, 1000 epochs"),
            ("knn", 0.8150, "lightly, batch 512, 200 epochs, best epoch on test"),
        ),
    )
