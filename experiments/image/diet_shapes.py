"""DIET on procedural shapes (Ibrahim et al., 2024): each of the 8192 images its own class.

Command: jssl train image/diet_shapes. No published figure.
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.pretext.diet import DIET
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DIET(examples=8192),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(image=dict(shapes().entries)["a"], index=field("index")),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=40,
    )
