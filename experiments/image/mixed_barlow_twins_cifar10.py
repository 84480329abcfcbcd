"""Mixed Barlow Twins on CIFAR-10 (Bandara et al., 2023), ResNet-18, the authors' settings.

Adam at 0.01 x batch / 256, batch 256, 2000 epochs; the paper reports 92.58 (linear) and 90.52
(kNN).
Command: jssl train image/mixed_barlow_twins_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.batchwise import mix_views
from jssl.augmentations.compose import Views
from jssl.augmentations.recipes import BYOL_JITTER, CIFAR10, evaluation, view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.mixed_barlow_twins import MixedBarlowTwins
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(32, jitter=BYOL_JITTER, stats=CIFAR10)
    return Experiment(
        method=MixedBarlowTwins(),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=Views(a=one, b=one, batch=(mix_views,)),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=0.01, warmup_epochs=10, weight_decay=1e-6, end=1e-3
        ),
        batch_size=256,
        epochs=2000,
        expected=(
            ("linear", 0.9258, "wgcban/mix-bt, ResNet-18"),
            ("knn", 0.9052, "wgcban/mix-bt, ResNet-18"),
        ),
    )
