"""data2vec on CIFAR-10 (Baevski et al., 2022), ViT-Ti with patches of 4 pixels, 800 epochs.

No published figure for CIFAR-10; sizes follow `data2vec_shapes`, the rest the paper.
Command: jssl train image/data2vec_cifar10 --set data.data_dir=DIR
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import block_mask
from jssl.augmentations.recipes import CIFAR10, evaluation, view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.distillation.data2vec import Data2Vec
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=Data2Vec(momentum=0.998, momentum_end=0.9998),
        encoder=ViT("Ti", patch_size=4, pool="mean", drop_path=0.1),
        data=TFDS("cifar10"),
        views=Views(
            image=view(32, scale=(0.2, 1.0), gray_p=0.0, stats=CIFAR10),
            mask=partial(block_mask, grid=(8, 8), ratio=0.6, smallest=4),
        ),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer("adamw", learning_rate=5e-4, warmup_epochs=40, weight_decay=0.05),
        batch_size=256,
        epochs=800,
    )
