"""DINOv2 on procedural shapes (Oquab et al., 2023): a small ViT, large crops partly masked.

Command: jssl train image/dinov2_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_varying import varying_mask
from jssl.augmentations.recipes_shapes import shapes_evaluation, shapes_multicrop
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.distillation.dinov2 import DINOv2
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    mask = repeat(partial(varying_mask, grid=(8, 8)), 2)
    return Experiment(
        method=DINOv2(
            momentum=0.98,
            temperature=0.04,
            hidden=(256,),
            bottleneck=64,
            prototypes=512,
            kernel_init="lecun",
            patch_prototypes=512,
        ),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4),
        data=Shapes(),
        views=Views(**dict(shapes_multicrop().entries), mask=mask),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=3,
            weight_decay=0.04,
            clip_norm=3.0,
        ),
        batch_size=256,
        epochs=20,
    )
