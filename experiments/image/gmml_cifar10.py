"""GMML on CIFAR-10 (Atito et al., 2022), a ViT-Ti with patches of 4 pixels.

Optimizer of the authors' code; encoder and groups for small images are unverified, no published
figure is known for this encoder.
Command: jssl train image/gmml_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, gmml
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.gmml import GMML
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GMML(),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=gmml(32, grid=(8, 8), group=(2, 6), stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=5e-4, warmup_epochs=10, weight_decay=0.04, clip_norm=3.0
        ),
        batch_size=256,
        epochs=800,
    )
