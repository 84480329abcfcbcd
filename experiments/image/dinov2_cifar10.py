"""DINOv2 on CIFAR-10 (Oquab et al., 2023), ViT-Ti with patches of 4 pixels, 400 epochs.

No published figure for CIFAR-10; sizes follow `ibot_shapes`, the rest the paper.
Command: jssl train image/dinov2_cifar10 --set data.data_dir=DIR
"""

from functools import partial

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_varying import varying_mask
from jssl.augmentations.recipes import CIFAR10, dino_multicrop, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.distillation.dinov2 import DINOv2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    crops = dino_multicrop(32, local=16, crops=6, scale=(0.32, 1.0), stats=CIFAR10, kernel=9)
    mask = repeat(partial(varying_mask, grid=(8, 8)), 2)
    return Experiment(
        method=DINOv2(prototypes=4096, patch_prototypes=4096),
        encoder=ViT("Ti", patch_size=4, drop_path=0.1, kernel_init="trunc_normal"),
        data=TFDS("cifar10"),
        views=Views(**dict(crops.entries), mask=mask),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=5e-4, warmup_epochs=10, weight_decay=0.1, clip_norm=3.0
        ),
        batch_size=256,
        epochs=400,
    )
