"""MSN on procedural shapes (Assran et al., 2022): a small ViT, a masked view and four small crops.

Command: jssl train image/msn_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import shapes_evaluation, shapes_multicrop
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.distillation.msn import MSN
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    crops = dict(shapes_multicrop().entries)
    return Experiment(
        method=MSN(momentum=0.98, prototypes=128, hidden=(256,), out=64, kernel_init="lecun"),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4),
        data=Shapes(),
        views=Views(
            target=crops["a"],
            anchor=crops["b"],
            mask=partial(random_mask, tokens=64, ratio=0.3),
            local=crops["local"],
        ),
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
