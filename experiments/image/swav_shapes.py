"""SwAV on procedural shapes (Caron et al., 2020): a small ResNet, two large crops and four small.

Command: jssl train image/swav_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes_evaluation, shapes_multicrop
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.clustering.swav import SwAV
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SwAV(prototypes=256, hidden=(512,), queue=1024, queue_epochs=2),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=shapes_multicrop(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
