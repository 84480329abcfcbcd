"""RotNet on procedural shapes (Gidaris et al., 2018): all four rotations of each image.

Command: jssl train image/rotnet_shapes. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.labelled import after, rotate_all
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.pretext.rotnet import RotNet
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=RotNet(),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(image=after(shapes_alone(), rotate_all)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
