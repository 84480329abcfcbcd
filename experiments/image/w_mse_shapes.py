"""W-MSE on procedural shapes (Ermolov et al., 2021).

Command: jssl train image/w_mse_shapes. No published figure.
"""

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.redundancy.w_mse import WMSE
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=WMSE(hidden=(512,), out=32),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(views=repeat(dict(shapes().entries)["a"], 2)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
