"""MP3 on CIFAR-10 (Zhai et al., 2022), a ViT-Ti with patches of 4 pixels.

Half the patches are context; learning rate and augmentation are unverified, no published figure is
known for this data set.
Command: jssl train image/mp3_cifar10 --set data.data_dir=DIR
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes import CIFAR10, evaluation
from jssl.augmentations.view import view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.pretext.mp3 import MP3
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(32, gray_p=0.0, stats=CIFAR10)
    return Experiment(
        method=MP3(),
        encoder=ViT("Ti", patch_size=4, positions="none", pool="mean"),
        data=TFDS("cifar10"),
        views=Views(image=one, mask=partial(random_mask, tokens=64, ratio=0.5)),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=40, weight_decay=0.05
        ),
        batch_size=512,
        epochs=400,
    )
