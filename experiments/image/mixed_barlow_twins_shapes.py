"""Mixed Barlow Twins on procedural shapes (Bandara et al., 2023).

Command: jssl train image/mixed_barlow_twins_shapes. No published figure.
"""

from jssl.augmentations.batchwise import mix_views
from jssl.augmentations.compose import Views
from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.redundancy.mixed_barlow_twins import MixedBarlowTwins
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MixedBarlowTwins(scale=0.1, hidden=(512,), out=512),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(**dict(shapes().entries), batch=(mix_views,)),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
