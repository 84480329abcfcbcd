"""Frame Projections (Demirel & Holz, 2025) on procedural waves.

Command: jssl train series/frame_projections_waves. No published figure.
"""

from jssl.augmentations.frames import frame_views
from jssl.augmentations.series import series_evaluation
from jssl.data.series import Waves
from jssl.encoders.series import TCN
from jssl.experiment import Experiment
from jssl.methods.contrastive.frame_projections import FrameProjections
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    encoder = TCN(width=64, depth=4)
    return Experiment(
        method=FrameProjections(basis=encoder, frame=encoder),
        encoder=encoder,
        data=Waves(),
        views=frame_views(96),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=1e-6
        ),
        batch_size=128,
        epochs=20,
    )
