"""GMML on procedural shapes (Atito et al., 2022): a small ViT with patches of 4 pixels.

Command: jssl train image/gmml_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.batchwise import corrupt_groups
from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import group_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.gmml import GMML
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GMML(),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(
            image=shapes_alone(),
            noise=partial(group_mask, grid=(8, 8), ratio=0.7, group=(2, 6)),
            alien=partial(group_mask, grid=(8, 8), ratio=0.3, group=(2, 6)),
            batch=(partial(corrupt_groups, grid=(8, 8)),),
        ),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
