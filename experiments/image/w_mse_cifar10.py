"""W-MSE on CIFAR-10 (Ermolov et al., 2021), ResNet-18, the paper's settings.

Adam at 3e-3, four views, batch 256, embedding 64 whitened in groups of 128, 1000 epochs (its steps
of the learning rate are a cosine here); the paper reports 91.99 (linear) and 89.87 (5-NN).
Command: jssl train image/w_mse_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, wmse
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.w_mse import WMSE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=WMSE(),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=wmse(32, count=4),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=3e-3, scaling="none", warmup_epochs=1, weight_decay=1e-6
        ),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.9199, "Ermolov et al., 2021, W-MSE 4, 1000 epochs"),
            ("knn", 0.8987, "Ermolov et al., 2021, 5-NN"),
            ("linear", 0.8867, "solo-learn, online linear probe, 1000 epochs"),
        ),
    )
