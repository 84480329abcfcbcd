"""DIET on CIFAR-10 (Ibrahim et al., 2024), ResNet-18.

Every training image its own class (45000 are left by the validation split), smoothing 0.8, AdamW;
augmentation and schedule are unverified, and the published figures are not at hand.
Command: jssl train image/diet_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes import CIFAR10, evaluation
from jssl.augmentations.view import view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.pretext.diet import DIET
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(32, jitter=(0.4, 0.4, 0.2, 0.1), stats=CIFAR10)
    return Experiment(
        method=DIET(examples=45000),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=Views(image=one, index=field("index")),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=10, weight_decay=0.05
        ),
        batch_size=256,
        epochs=1000,
    )
