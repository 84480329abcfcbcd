"""MP3 on procedural shapes (Zhai et al., 2022): a small ViT with patches of 4 pixels.

Command: jssl train image/mp3_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.pretext.mp3 import MP3
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MP3(),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, positions="none", pool="mean"),
        data=Shapes(),
        views=Views(image=shapes_alone(), mask=partial(random_mask, tokens=64, ratio=0.5)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
