"""dBOT on CIFAR-10 (Liu et al., 2022), a ViT-Ti with patches of 4 pixels, two stages.

The method has its own schedule in each stage, hence end=1.0. Decoder and learning rate for a small
encoder are unverified, no published figure is known.
Command: jssl train image/dbot_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, mae
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.dbot import DBOT
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DBOT(decoder_width=192, decoder_depth=4, decoder_heads=3),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=mae(32, tokens=64, ratio=0.75, stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", end=1.0, weight_decay=0.05, beta2=0.95
        ),
        batch_size=512,
        epochs=800,
    )
