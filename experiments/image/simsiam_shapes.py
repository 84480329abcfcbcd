"""SimSiam on procedural shapes (Chen & He, 2021).

Command: jssl train image/simsiam_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.distillation.simsiam import SimSiam
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimSiam(hidden=(512,), out=512, bottleneck=128),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer("sgd", learning_rate=0.06, scaling="none", weight_decay=5e-4),
        batch_size=256,
        epochs=12,
    )


if __name__ == "__main__":
    run_module(__spec__)
