"""MaskFeat on procedural shapes (Wei et al., 2022): a small ViT with patches of 4 pixels.

Command: jssl train image/maskfeat_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.hog import with_hog
from jssl.augmentations.labelled import after
from jssl.augmentations.mask_blocks import block_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.maskfeat import MaskFeat
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskFeat(),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(
            image=after(shapes_alone(), partial(with_hog, patch=4, cell=4, stats=None)),
            mask=partial(block_mask, grid=(8, 8), ratio=0.4, smallest=4),
        ),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
