"""MaskFeat on CIFAR-10 (Wei et al., 2022), a ViT-Ti with patches of 4 pixels, each one HOG cell.

The paper's masking ratio; learning rate and cells for small images are unverified, and no published
figure is known.
Command: jssl train image/maskfeat_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, maskfeat
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.maskfeat import MaskFeat
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskFeat(),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=maskfeat(32, grid=(8, 8), patch=4, cell=4, smallest=4, stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=40, weight_decay=0.05
        ),
        batch_size=512,
        epochs=800,
    )
