"""SimSiam on procedural shapes (Chen & He, 2021).

Command: jssl train image/simsiam_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.distillation.simsiam import SimSiam
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimSiam(hidden=(512,), out=512, bottleneck=128),
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
            multipliers=(("predictor", 10.0),),  # a slow predictor lets the projection collapse
        ),
        batch_size=128,
        epochs=94,
    )
