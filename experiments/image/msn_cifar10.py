"""MSN on CIFAR-10 (Assran et al., 2022), ViT-Ti with patches of 4 pixels, 400 epochs.

No published figure for CIFAR-10; sizes follow `msn_shapes`, the rest the paper.
Command: jssl train image/msn_cifar10 --set data.data_dir=DIR
"""

from functools import partial

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes import CIFAR10, evaluation, view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.distillation.msn import MSN
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    options = {"jitter": (0.4, 0.4, 0.4, 0.1), "stats": CIFAR10}
    whole = view(32, scale=(0.3, 1.0), **options)
    mask = partial(random_mask, tokens=64, ratio=0.15)
    local = repeat(view(16, scale=(0.05, 0.3), **options), 6)
    return Experiment(
        method=MSN(prototypes=512),
        encoder=ViT("Ti", patch_size=4, kernel_init="trunc_normal"),
        data=TFDS("cifar10"),
        views=Views(target=whole, anchor=whole, mask=mask, local=local),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=5e-4, warmup_epochs=15, weight_decay=0.1, clip_norm=3.0
        ),
        batch_size=256,
        epochs=400,
    )
