"""MFM on CIFAR-10 (Xie et al., 2023), a ViT-Ti with patches of 4 pixels.

The radius of 16 at 224 pixels is 2.3 at 32, rounded up; learning rate for small batches unverified,
no published figure is known.
Command: jssl train image/mfm_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, mfm
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.mfm import MFM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MFM(),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=mfm(32, radius=3.0, stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=40,
            weight_decay=0.05,
            beta2=0.95,
        ),
        batch_size=512,
        epochs=300,
    )
