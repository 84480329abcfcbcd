"""SimCLR (Chen et al., 2020) on one's own point clouds: meshes, scans or arrays.

Command: jssl train points/simclr_own --data DIR, a folder of OFF, PLY, OBJ or STL files or of scans
(`.bin`), or an `.npz`. The method that gained most on the project's clouds (docs/modalities.md). No
published figure.
"""

from jssl.augmentations.points import points_evaluation, points_views
from jssl.config.experiment import Experiment
from jssl.data.cloud_source import CloudSource
from jssl.encoders.points import PointNet
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=PointNet(hidden=(64, 64, 128, 256)),
        data=CloudSource("clouds"),
        views=points_views(192),
        preprocess=points_evaluation(192),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=40,
    )
