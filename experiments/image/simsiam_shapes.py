"""SimSiam on procedural shapes (Chen & He, 2021).

Command: jssl train image/simsiam_shapes. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.recipes import evaluation, view
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.distillation.simsiam import SimSiam
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    # Hue over the whole circle: in this set a colour says nothing of the shape.
    one = view(32, scale=(0.35, 1.0), method="bilinear", jitter=(0.4, 0.4, 0.4, 0.5), stats=None)
    return Experiment(
        method=SimSiam(hidden=(512,), out=512, bottleneck=128),
        encoder=ResNet(depth=10, stem="cifar", width=0.25),
        data=Shapes(),
        views=Views(a=one, b=one),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer("sgd", learning_rate=0.06, scaling="none", weight_decay=5e-4),
        batch_size=256,
        epochs=12,
    )


if __name__ == "__main__":
    run_module(__spec__)
