"""MAE on procedural shapes (He et al., 2022): a small ViT with patches of 4 pixels.

Command: jssl train image/mae_shapes. No published figure.

Hidden patches teach slowly: of a small net and many steps, or a larger one and few in the same
time, the first learns more. Pixels are predicted as they are, since most patches are plain.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.mae import MAE
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(decoder_width=48, decoder_depth=1, decoder_heads=4, normalize_target=False),
        encoder=ViT("Ti", patch_size=4, width=64, depth=4, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(image=shapes_alone(), mask=partial(random_mask, tokens=64, ratio=0.75)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw",
            learning_rate=2e-3,
            scaling="none",
            warmup_epochs=3,
            weight_decay=0.05,
            beta2=0.95,
        ),
        batch_size=64,
        epochs=28,
    )
