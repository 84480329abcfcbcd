"""Jigsaw on procedural shapes (Noroozi & Favaro, 2016): nine tiles of 14 pixels.

Command: jssl train image/jigsaw_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.labelled import after, jigsaw_tiles
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.pretext.jigsaw import Jigsaw
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    shuffle = partial(jigsaw_tiles, permutations=100, gap=2)
    return Experiment(
        method=Jigsaw(permutations=100, tile=64, hidden=256),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(image=after(shapes_alone(48), shuffle)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=20,
    )
