"""VICReg (Bardes et al., 2022) on RadHAR: activity recognition from radar point clouds.

Command: jssl train points/vicreg_radhar --set data.path=DIR/RadHAR/Data. No published figure
for this method; a supervised net of the data set's authors, given the order in time, has 92.
"""

from jssl.augmentations.points import points_evaluation, points_views
from jssl.config.experiment import Experiment
from jssl.data.radar import RadHAR
from jssl.encoders.points import PointNet
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(hidden=(256, 256), out=256),
        encoder=PointNet(hidden=(64, 64, 128, 256)),
        data=RadHAR("RadHAR/Data"),
        views=points_views(256, axis=2, radius="rms"),
        preprocess=points_evaluation(256, radius="rms"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
