"""BYOL on procedural shapes (Grill et al., 2020).

Command: jssl train image/byol_shapes. No published figure.

The predictor learns ten times faster than the rest (appendix F of the paper: a predictor near its
optimum matters more than the teacher). Without that, or at a rate of 0.001 and more, what is left
of the projection after a few hundred steps is one dimension, as the collapse alarm says.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.distillation.byol import BYOL
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BYOL(momentum=0.96, hidden=512, out=128),
        encoder=ResNet(depth=10, stem="imagenet", width=0.25),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            multipliers=(("predictor", 10.0),),
        ),
        batch_size=128,
        epochs=94,
    )
