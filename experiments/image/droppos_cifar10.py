"""DropPos on CIFAR-10 (Wang et al., 2023), a ViT-Ti with patches of 4 pixels.

The paper's ratios but for half the patches shown; decoder and learning rate for a small encoder are
unverified, no published figure is known.
Command: jssl train image/droppos_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, droppos, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.pretext.droppos import DropPos
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DropPos(decoder_width=192, decoder_depth=2, decoder_heads=3),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=droppos(32, tokens=64, ratio=0.5, stats=CIFAR10),
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
        epochs=800,
    )
