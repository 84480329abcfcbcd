"""VICReg on procedural shapes (Bardes et al., 2022).

Command: jssl train image/vicreg_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.redundancy.vicreg import VICReg
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(hidden=(512,), out=512),
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
