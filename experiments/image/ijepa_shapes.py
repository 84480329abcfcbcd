"""I-JEPA on procedural shapes (Assran et al., 2023): a small ViT with patches of 4 pixels.

Command: jssl train image/ijepa_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.mask_multiblock import multi_block_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.predictive.ijepa import IJEPA
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=IJEPA(
            momentum=0.99,
            predictor_width=64,
            predictor_depth=2,
            predictor_heads=4,
            kernel_init="xavier",
        ),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(image=shapes_alone(), mask=partial(multi_block_mask, grid=(8, 8))),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
