"""SimCLR (Chen et al., 2020) on procedural solids.

Command: jssl train points/simclr_solids. No published figure.
"""

from jssl.augmentations.points import points_evaluation, points_views
from jssl.data.solids import Solids
from jssl.encoders.points import PointNet
from jssl.experiment import Experiment
from jssl.methods.contrastive.simclr import SimCLR
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=PointNet(hidden=(64, 64, 128, 256)),
        data=Solids(),
        views=points_views(192),
        preprocess=points_evaluation(192),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
