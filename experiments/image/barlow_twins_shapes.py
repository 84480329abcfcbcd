"""Barlow Twins on procedural shapes (Zbontar et al., 2021).

Command: jssl train image/barlow_twins_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.redundancy.barlow_twins import BarlowTwins
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BarlowTwins(scale=0.1, hidden=(512,), out=512),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
