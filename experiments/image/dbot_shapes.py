"""dBOT on procedural shapes (Liu et al., 2022): two stages, the first with a random teacher.

Command: jssl train image/dbot_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.dbot import DBOT
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DBOT(decoder_width=64, decoder_depth=2, decoder_heads=4, warmup_epochs=2),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(image=shapes_alone(), mask=partial(random_mask, tokens=64, ratio=0.75)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", end=1.0, weight_decay=0.05, beta2=0.95
        ),
        batch_size=256,
        epochs=40,
    )
