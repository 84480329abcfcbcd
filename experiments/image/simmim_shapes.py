"""SimMIM on procedural shapes (Xie et al., 2022): a small ViT with patches of 4 pixels.

Command: jssl train image/simmim_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import unit_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.simmim import SimMIM
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimMIM(),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(image=shapes_alone(), mask=partial(unit_mask, grid=(8, 8), unit=2, ratio=0.6)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
