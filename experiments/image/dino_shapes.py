"""DINO on procedural shapes (Caron et al., 2021): a small ViT, two large crops and four small.

Command: jssl train image/dino_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes_evaluation, shapes_multicrop
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.distillation.dino import DINO
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DINO(
            momentum=0.98, hidden=(256,), bottleneck=64, prototypes=512, kernel_init="lecun"
        ),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4),
        data=Shapes(),
        views=shapes_multicrop(),
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
