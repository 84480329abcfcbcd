"""Frame Projections (Demirel & Holz, 2025) on a data set of the UCR or UEA archive.

Command: jssl train series/frame_projections_ucr --set data.folder=DIR/GunPoint. No published
figure.
"""

from jssl.augmentations.frames import frame_views
from jssl.augmentations.series import series_evaluation
from jssl.config.experiment import Experiment
from jssl.data.series import UCR
from jssl.encoders.series import TCN
from jssl.methods.contrastive.frame_projections import FrameProjections
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    encoder = TCN(width=64, depth=4)
    return Experiment(
        method=FrameProjections(basis=encoder, frame=encoder),
        encoder=encoder,
        data=UCR("GunPoint"),
        views=frame_views(96),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=1e-6
        ),
        batch_size=32,
        epochs=100,
    )
