"""VICReg (Bardes et al., 2022) on procedural solids.

Command: jssl train points/vicreg_solids. No published figure.
"""

from jssl.augmentations.points import points_evaluation, points_views
from jssl.data.solids import Solids
from jssl.encoders.points import PointNet
from jssl.experiment import Experiment
from jssl.methods.redundancy.vicreg import VICReg
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(hidden=(256, 256), out=256),
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
