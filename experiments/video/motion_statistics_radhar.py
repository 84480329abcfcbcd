"""Motion statistics (Wang et al., 2019) on RadHAR: where, whither and when radar pictures move.

Command: jssl train video/motion_statistics_radhar --set data.path=FILE. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.motion import label_counts
from jssl.augmentations.video import clip_evaluation, motion_view
from jssl.config.experiment import Experiment
from jssl.data.radar_clips import RadHARClips
from jssl.encoders.video import VideoTransformer
from jssl.methods.pretext.motion_statistics import MotionStatistics
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MotionStatistics(values=label_counts(8), loss="classification"),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=4, patch=8, pool="mean_max"),
        data=RadHARClips("radhar.npz"),
        views=Views(clip=motion_view(8, invert=0.0)),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=30,
    )
