"""MoCo v3 on procedural shapes (Chen et al., 2021).

Command: jssl train image/moco_v3_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.contrastive.moco_v3 import MoCoV3
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MoCoV3(momentum=0.98, hidden=(512, 512), out=128, predictor=512),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=2, weight_decay=0.05
        ),
        batch_size=256,
        epochs=20,
    )
